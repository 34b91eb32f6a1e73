package active

// names are those of the bugs of this binary, each between two spaces. An ordinary build has none; planted.Overlay puts
// a file with the names of all in the place of this one.
const names = ""
