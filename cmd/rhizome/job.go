package main

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/kinds"
)

func newJob(c *console) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "job",
		Short: "List and show the built-in jobs, to save, edit and run them",
		Long: `The jobs that are built in, each a file of settings with a comment for each. To make a job of your own, save one, give it
another name, and run it.`,
		Example: "  rhizome job list\n  rhizome job show digits > mine.yaml\n  rhizome run mine.yaml",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newJobList(c), newJobShow(c), newJobSchema(c))
	return cmd
}

// jobLine is a built-in job, for programs.
type jobLine struct {
	Job      string            `json:"job"`
	Kind     string            `json:"kind"`
	About    string            `json:"about"`
	Settings map[string]string `json:"settings,omitempty"` // every one, with those that the file need not say
	File     string            `json:"file,omitempty"`
}

func newJobList(c *console) *cobra.Command {
	var json bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the built-in jobs",
		Args:  cobra.NoArgs,
		RunE: does(func(*cobra.Command, []string) error {
			for _, name := range kinds.Builtins(nil) {
				l, err := builtinJob(name, newJobSettings(c))
				if err != nil {
					return err
				}
				if json {
					l.Settings, l.File = nil, ""
					err = writeLine(c.out, l)
				} else {
					_, err = fmt.Fprintf(c.out, "%-10s %s\n", l.Job, l.About)
				}
				if err != nil {
					return err
				}
			}
			return nil
		}),
	}
	cmd.Flags().BoolVar(&json, "json", false, "write one JSON object for each job and nothing else")
	return cmd
}

func newJobShow(c *console) *cobra.Command {
	var json bool
	set := newJobSettings(c)
	cmd := &cobra.Command{
		Use:   "show NAME",
		Short: "Print the file of a built-in job",
		Long: "Print the job file of a built-in job: " + strings.Join(kinds.Builtins(nil),
			", ") + ". Saved, it is a job file that runs as the built-in job\n" +
			"does, to the same model; edit it, and it is a job of your own. --set changes settings in what is printed.",
		Example: `  rhizome job show digits > mine.yaml
  rhizome job show digits --set name=mine --set rounds=20 > mine.yaml`,
		Args: cobra.ExactArgs(1),
		RunE: does(func(_ *cobra.Command, args []string) error {
			l, err := builtinJob(args[0], set)
			if err != nil {
				return err
			}
			if json {
				return writeLine(c.out, l)
			}
			_, err = fmt.Fprint(c.out, l.File)
			return err
		}),
	}
	cmd.Flags().SortFlags = false
	set.register(cmd.Flags(), setUsage)
	cmd.Flags().BoolVar(&json, "json", false, "write the file, and all settings, as one JSON object and nothing else")
	return cmd
}

// builtinJob returns a built-in job with the settings that were given.
func builtinJob(name string, given *jobSettings) (jobLine, error) {
	if isJobFile(name) {
		return jobLine{}, &badInput{fmt.Sprintf("%s would be a job file of yours; want a job that is built in: %s",
			name, strings.Join(kinds.Builtins(nil), ", "))}
	}
	text, kind, err := kinds.BuiltinFile(name)
	if err != nil {
		return jobLine{}, err
	}
	l := jobLine{Job: name, Kind: kind.Name(), About: about(text)}
	set, err := given.all(kind)
	if err != nil {
		return jobLine{}, err
	}
	builtin, err := job.Parse(kind, name+".yaml", text)
	if err != nil {
		return jobLine{}, err
	}
	want, err := job.With(builtin, set)
	if err != nil {
		return jobLine{}, err
	}
	text = withSettings(text, set)
	got, err := job.Parse(kind, name+".yaml", text)
	if err != nil {
		return jobLine{}, err
	}
	if l.Settings, l.File = job.Settings(got), string(text); got == want {
		return l, nil
	}
	return jobLine{},
		fmt.Errorf("the file of the job %s with its settings changed is another job: a fault of this program", name)
}

// about returns the first sentence of a job file's first comment.
func about(text []byte) string {
	var words []string
	for line := range strings.Lines(string(text)) {
		comment, ok := strings.CutPrefix(strings.TrimSpace(line), "#")
		if !ok {
			break
		}
		words = append(words, strings.Fields(comment)...)
	}
	sentence, _, _ := strings.Cut(strings.Join(words, " ")+" ", ". ")
	return sentence
}

// settingLine is a line of a built-in job file: a key, its value, and what follows.
var settingLine = regexp.MustCompile(`^([a-z_]+): (\S+)(\s*)(#.*)?$`)

// withSettings changes the lines of a built-in job file that set something, and adds a line for each setting that it
// does not say. Comments stay, in their column where there is room.
func withSettings(text []byte, set map[string]string) []byte {
	var b bytes.Buffer
	said := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		m := settingLine.FindStringSubmatch(strings.TrimSuffix(line, "\n"))
		if m != nil {
			if value, ok := set[m[1]]; ok {
				said[m[1]] = true
				line = m[1] + ": " + value
				if m[4] != "" {
					line += strings.Repeat(" ", max(len(m[2])+len(m[3])-len(value), 1)) + m[4]
				}
				line += "\n"
			}
		}
		b.WriteString(line)
	}
	var more []string
	for key := range set {
		if !said[key] {
			more = append(more, key)
		}
	}
	slices.Sort(more)
	for _, key := range more {
		fmt.Fprintf(&b, "%s: %s\n", key, set[key])
	}
	return b.Bytes()
}
