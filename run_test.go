package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// runWith runs the program with arguments that end by themselves.
func runWith(t *testing.T, environ []string, args ...string) (stdout string, err error) {
	t.Helper()
	var out, errOut bytes.Buffer
	err = run(t.Context(), args, environ, &out, &errOut)
	return out.String(), err
}

func TestRun_refusesWhatCannotWork(t *testing.T) {
	for name, c := range map[string]struct {
		environ []string
		args    []string
		says    string
	}{
		"unknown flag":             {nil, []string{"--prot=1"}, "unknown flag --prot"},
		"unknown variable":         {[]string{"CONFAB_ADR=:1"}, nil, "CONFAB_ADR is not a setting"},
		"unknown role":             {nil, []string{"--roles=node,butler"}, `"butler" is not a role`},
		"node alone, embedded":     {[]string{"CONFAB_ROLES=node"}, nil, "set redis-url to divide them"},
		"node alone, own store":    {[]string{"CONFAB_ROLES=node", "CONFAB_REDIS_URL=redis://h"}, nil, "set mongo-uri to divide them"},
		"redis url":                {nil, []string{"--redis-url=http://h"}, "redis-url: start it with redis://"},
		"mongo uri":                {nil, []string{"--mongo-uri=h:27017"}, "mongo-uri: start it with mongodb://"},
		"guests":                   {[]string{"CONFAB_GUESTS=perhaps"}, nil, "--guests must be one of"},
		"limits":                   {[]string{"CONFAB_LIMITS=0"}, nil, "--limits must be one of"},
		"origin":                   {nil, []string{"--origins=example.org"}, "is not of the form https://host[:port]"},
		"proxy":                    {nil, []string{"--trusted-proxies=10.0.0.1"}, "is not a network"},
		"log":                      {nil, []string{"--log=loud"}, `"loud" is neither a level`},
		"partitions":               {nil, []string{"--partitions=0"}, "partitions: give 1 to 1024"},
		"ping":                     {nil, []string{"--ping=1ms"}, "ping: give at least 1s"},
		"secret as value and file": {[]string{"CONFAB_REDIS_URL=redis://h", "CONFAB_REDIS_URL_FILE=run_test.go"}, nil, "given twice"},
		"redis url, special chars": {nil, []string{"--redis-url=redis://u:12/canary@h:1/0"}, "percent-encoded"},
		"redis url, bad escape":    {nil, []string{"--redis-url=redis://u:p%zzcanary@h:1/0"}, "percent-encoded"},
		"origin with a query":      {nil, []string{"--origins=https://a?x"}, "is not of the form https://host[:port]"},
		"origin with a user":       {nil, []string{"--origins=https://u:p@a"}, "is not of the form https://host[:port]"},
		"no folder":                {nil, []string{"--data="}, "data: name the folder"},
		"help by variable":         {[]string{"CONFAB_HELP=1"}, nil, "CONFAB_HELP is not a setting"},
		"secret file empty":        {[]string{"CONFAB_REDIS_URL_FILE=/dev/null"}, nil, "there is nothing in the file"},
		"secret file missing":      {[]string{"CONFAB_REDIS_URL_FILE=/no/such"}, nil, "no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := runWith(t, c.environ, append(c.args, "config")...)
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got error %v, want one that says %q", err, c.says)
			} else if strings.Contains(err.Error(), "canary") {
				t.Errorf("error %v shows a secret", err)
			}
		})
	}
}

func TestRun_configIsPrintedRedacted(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "mongo")
	if err := os.WriteFile(secret, []byte("mongodb://u:canary2@h/confab?x=canary3\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := runWith(t, []string{"CONFAB_REDIS_URL=redis://u:canary1@h:1", "CONFAB_MONGO_URI_FILE=" + secret, "CONFAB_PING=30s"}, "config", "--addr=:7")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"CONFAB_ADDR=:7\n", "CONFAB_PING=30s\n", "CONFAB_REDIS_URL=redis://u:xxxxx@h:1\n", "CONFAB_MONGO_URI=mongodb://u:xxxxx@h/confab", "CONFAB_ROLES=node,projector\n", "CONFAB_LIMITS=on\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("config lacks %q:\n%s", want, out)
		}
	}
	if strings.Contains(out, "canary") {
		t.Errorf("config shows a secret:\n%s", out)
	}
}

// A password whose special characters were not encoded ends where nobody knows.
func TestSecret_isHiddenWhereverItEnds(t *testing.T) {
	for _, s := range []Secret{"redis://u:12#canary@h:1/0", "redis://u:12/canary@h:1/0", "redis://u:12?canary@h", "redis://u:a@b/canary@h", "redis://u:a%zzcanary@h", "u:canary@h"} {
		if got := s.String(); strings.Contains(got, "canary") {
			t.Errorf("%q is shown as %q", string(s), got)
		}
	}
	for _, s := range []Secret{"", "redis://h:1/2", "rediss://[::1]:6379"} {
		if got := s.String(); got != string(s) {
			t.Errorf("%q is shown as %q", string(s), got)
		}
	}
}

// Every line that config prints is a setting that the environment takes.
func TestRun_configCanBeReadBack(t *testing.T) {
	out, err := runWith(t, nil, "config")
	if err != nil {
		t.Fatal(err)
	}
	again, err := runWith(t, strings.Split(strings.TrimSpace(out), "\n"), "config")
	if err != nil {
		t.Fatal(err)
	}
	if again != out {
		t.Errorf("read back:\n%s\nwas:\n%s", again, out)
	}
}

func TestRun_help(t *testing.T) {
	out, err := runWith(t, nil, "--help")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out, "--redis-url") || !strings.Contains(out, "CONFAB_SOME_NAME") {
		t.Errorf("help is not helpful:\n%s", out)
	}
}
