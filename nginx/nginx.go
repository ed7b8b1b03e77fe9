// Package nginx holds the configuration of the proxy, for tests to run it.
package nginx

import _ "embed"

// Conf is nginx.conf as it is shipped.
//
//go:embed nginx.conf
var Conf string
