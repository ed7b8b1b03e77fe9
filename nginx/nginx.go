// Package nginx holds the configuration of the proxy, for tests and the bench to run it.
package nginx

import (
	_ "embed"
	"path/filepath"
	"regexp"
	"strings"
)

// Conf is nginx.conf as it is shipped.
//
//go:embed nginx.conf
var Conf string

// Configure returns the shipped nginx.conf with the address to listen on (host:port),
// the nodes (host:port each) and the paths replaced, and nothing else. Its files go to
// dir: nginx.pid, access.log, error.log and the temporary ones. It panics when
// nginx.conf no longer has what is to be replaced.
func Configure(listen string, nodes []string, dir string) string {
	conf := Conf
	replace := func(pattern, with string) {
		re := regexp.MustCompile(pattern)
		if !re.MatchString(conf) {
			panic("nginx: nginx.conf has nothing that matches " + pattern)
		}
		conf = re.ReplaceAllString(conf, with)
	}
	replace(`/dev/stdout\b`, filepath.Join(dir, "access.log"))
	replace(`/dev/stderr\b`, filepath.Join(dir, "error.log"))
	replace(`/tmp/nginx`, filepath.Join(dir, "nginx"))
	replace(`\blisten 8080\b`, "listen "+listen)
	replace(`(?m)^( *)server node1:8080( .*)$`, "${1}NODES${2}")
	replace(`(?m)^ *server node\d+:8080 .*\n`, "")
	servers := regexp.MustCompile(`(?m)^( *)NODES( .*)$`).ReplaceAllStringFunc(conf, func(line string) string {
		lines := make([]string, len(nodes))
		for i, node := range nodes {
			lines[i] = strings.Replace(line, "NODES", "server "+node, 1)
		}
		return strings.Join(lines, "\n")
	})
	return servers
}
