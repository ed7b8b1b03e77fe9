package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

// The README names settings, tests and files; it must not outlive them.

func TestReadme_listsEverySetting(t *testing.T) {
	readme := readFile(t, "README.md")
	config := reflect.TypeFor[Config]()
	for i := range config.NumField() {
		field := config.Field(i)
		row := regexp.MustCompile("(?m)^\\| `" + envName(flagName(field)) + "` \\| (.*?) \\|").FindStringSubmatch(readme)
		if row == nil {
			t.Errorf("the table of settings lacks %s", envName(flagName(field)))
		} else if d := field.Tag.Get("default"); d != "" && row[1] != "`"+d+"`" {
			t.Errorf("%s: the table says the default is %s, it is %s", envName(flagName(field)), row[1], d)
		}
	}
}

func TestReadme_namesTestsThatExist(t *testing.T) {
	var tests strings.Builder
	err := filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		if strings.HasSuffix(path, "_test.go") {
			tests.WriteString(readFile(t, path))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("`(Test\\w+)`").FindAllStringSubmatch(readFile(t, "README.md"), -1)
	for _, name := range named {
		if !strings.Contains(tests.String(), "func "+name[1]+"(") {
			t.Errorf("there is no %s", name[1])
		}
	}
	if len(named) == 0 {
		t.Error("the promises name no tests")
	}
}

func TestReadme_linksLeadSomewhere(t *testing.T) {
	for _, document := range []string{"README.md", "nginx/README.md", "domain/DESIGN.md"} {
		for _, link := range regexp.MustCompile(`\]\(([^)#:]+)\)`).FindAllStringSubmatch(readFile(t, document), -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(document), link[1])); err != nil {
				t.Errorf("%s: %v", document, err)
			}
		}
	}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
