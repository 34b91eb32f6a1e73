package dataset

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"unicode/utf8"

	"github.com/klauspost/compress/zstd"

	"github.com/rhizome-ml/rhizome/internal/config"
)

// vocabulary is the tokens of texts, by number. Where every one is one letter, each letter of a text is a token; else
// words between blanks are. It is not changed.
type vocabulary struct {
	tokens  []string
	number  map[string]int64
	unknown int64 // <unk> or [UNK]; -1: there is none
	padding int64 // <pad> or [PAD]; -1: there is none
	letters bool
}

// wordsMax bounds a vocabulary in bytes.
const wordsMax = 4 << 20

// vocabularyIn reads tokens, one a line, or as a text of JSON where a token is a blank or a line end.
func vocabularyIn(name, text string) (*vocabulary, error) {
	v := &vocabulary{number: map[string]int64{}, unknown: -1, padding: -1, letters: true}
	text = strings.TrimPrefix(text, "\ufeff") // which is no letter of the first token
	for i, line := range strings.Split(strings.TrimRight(text, "\r\n"), "\n") {
		line = strings.TrimSuffix(line, "\r")
		token := line
		if len(line) > 2 && line[0] == '"' && line[len(line)-1] == '"' {
			if json.Unmarshal([]byte(line), &token) != nil {
				return nil, fmt.Errorf("%s: %w", name, &RowError{i + 1, 0, "is no text of JSON; want a token"})
			}
		}
		if other, twice := v.number[token]; twice {
			return nil, fmt.Errorf("%s: %w", name, &RowError{i + 1, 0,
				fmt.Sprintf("is the token %.32q, as line %d is; want each once", token, other+1)})
		}
		if token == "" || len(token) > textToken || len(v.tokens) == classesMax {
			return nil, fmt.Errorf("%s: %w", name,
				&RowError{i + 1, 0, fmt.Sprintf("is the token %.32q; want up to %d, each "+
					"once, of at most %d bytes", token, classesMax, textToken)})
		}
		switch {
		case token == "<unk>" || token == "[UNK]":
			v.unknown = int64(i)
		case token == "<pad>" || token == "[PAD]":
			v.padding = int64(i)
		case utf8.RuneCountInString(token) != 1:
			v.letters = false
		}
		v.number[token] = int64(i)
		v.tokens = append(v.tokens, token)
	}
	return v, nil
}

// encode puts the numbers of a text's tokens into memory of the length of a sample, and says what is wrong with it.
// What goes beyond is left out, and what is missing at the end is padding.
func (v *vocabulary) encode(text string, into []int64) string {
	n := 0
	take := func(token string) string {
		k, ok := v.number[token]
		if !ok {
			if k = v.unknown; k < 0 {
				return fmt.Sprintf("has %.32q, which is no token, and the vocabulary has no <unk>", token)
			}
		}
		into[n] = k
		n++
		return ""
	}
	if !utf8.ValidString(text) {
		return notUTF8
	}
	if v.letters {
		for _, r := range text {
			if n == len(into) {
				return ""
			}
			if why := take(string(r)); why != "" {
				return why
			}
		}
	} else {
		for word := range strings.FieldsSeq(text) {
			if n == len(into) {
				return ""
			}
			if why := take(word); why != "" {
				return why
			}
		}
	}
	if n < len(into) && v.padding < 0 {
		return fmt.Sprintf("has %d tokens of %d, and the vocabulary has no <pad> for the others", n, len(into))
	}
	for ; n < len(into); n++ {
		into[n] = v.padding
	}
	return ""
}

// withWords returns settings that hold the vocabulary which they name, from its file in the folder of the data: so it
// goes with a job to whoever has none of it.
func (s FileSettings) withWords(of string, files fs.FS) (FileSettings, error) {
	if s.Vocabulary == "" || s.Words != "" {
		return s, nil
	}
	if files == nil || !fs.ValidPath(path.Clean(s.Vocabulary)) {
		return s, config.Errorf(of, "vocabulary is %.64q; want a file of tokens, one a line, in the folder of the data",
			s.Vocabulary)
	}
	b, err := beside(files, path.Clean(s.Vocabulary))
	if gone := (*fs.PathError)(nil); errors.As(err, &gone) {
		return s, config.Errorf(of, "vocabulary is %.64q, in the folder of the data: %v", s.Vocabulary, gone.Err)
	}
	if err != nil {
		return s, err
	}
	if !utf8.Valid(b) {
		return s, config.Errorf(of, "vocabulary is %.64q, which is no text in UTF-8; %s", s.Vocabulary, recode)
	}
	if len(b) > wordsMax {
		return s, config.Errorf(of, "vocabulary is %.64q, which has %d bytes; want at most %d", s.Vocabulary, len(b),
			wordsMax)
	}
	if _, err := vocabularyIn(s.Vocabulary, string(b)); err != nil {
		return s, err
	}
	w, err := zstd.NewWriter(nil)
	if err != nil {
		return s, err
	}
	defer w.Close()
	s.Words = base64.StdEncoding.EncodeToString(w.EncodeAll(b, nil))
	return s, nil
}

// vocabulary returns the tokens that the settings hold.
func (s FileSettings) vocabulary(of string) (*vocabulary, error) {
	bad := func(err error) (*vocabulary, error) {
		return nil, config.Errorf(of, "words are no vocabulary: %v", err)
	}
	b, err := base64.StdEncoding.DecodeString(s.Words)
	if err != nil || len(b) == 0 {
		return bad(fmt.Errorf("%d bytes, %w", len(b), err))
	}
	r, err := zstd.NewReader(nil, zstd.WithDecoderMaxMemory(wordsMax), zstd.WithDecoderConcurrency(1))
	if err != nil {
		return bad(err)
	}
	defer r.Close()
	text, err := r.DecodeAll(b, nil)
	if err != nil {
		return bad(err)
	}
	return vocabularyIn(s.Vocabulary, string(text))
}

// checkText checks what is said of texts.
func (s FileSettings) checkText(of string) error {
	switch {
	case s.Text != "" && s.Vocabulary == "":
		return config.Errorf(of, "text is %.64q, and there is no vocabulary; want a file of tokens, one a line, in the folder "+
			"of the data", s.Text)
	case s.Text != "" && s.Length == 0:
		return config.Errorf(of, "text is %.64q, and there is no length; want how many tokens a sample has", s.Text)
	case s.Text == "" && s.Length != 0:
		return config.Errorf(of, "length is %d, and no text is named; want the column that is read as tokens", s.Length)
	case s.Text != "" && (s.Window != 0 || s.Type == "float32"):
		return config.Errorf(of, "window or type stand beside text; want length alone: tokens are int64")
	}
	return config.Within(of, "length", int64(s.Length), 0, 1<<16)
}

// asText says that a column is texts which are read as tokens.
func (f *fileSource) asText(out *feature, c fileColumn, whole bool) error {
	switch {
	case c.typ != text && c.typ != anyText:
		return config.Errorf(f.of, "text is %q, which holds %s; want texts", c.name, c.format)
	case !whole:
		return config.Errorf(f.of, "text is %q, whose tokens are int64, and the input that it makes is float32", c.name)
	}
	out.as, out.width, out.whole, out.words = text, f.s.Length, true, true
	return nil
}

// tokens puts the tokens of a text into a sample.
func (f *fileSource) tokens(text string, to int, into Column) string {
	f.ids = resized(f.ids, f.s.Length)
	if why := f.words.encode(text, f.ids); why != "" {
		return why
	}
	return put(into, to, f.ids)
}
