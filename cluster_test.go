package main

import (
	"fmt"
	"path/filepath"
	"testing"

	"confab/domain/domaintest"
	"confab/nginx/nginxtest"
	"confab/projector/mongodb/mongotest"
)

// cluster is compose.yaml's topology made of processes: Redis, a Mongo-protocol
// server, a projector, nodes, and NGINX with the shipped configuration.
type cluster struct {
	redis     *domaintest.Redis
	mongo     *mongotest.Process
	projector *process
	nodes     []*process
	nginx     *nginxtest.Nginx
}

// newCluster returns when all nodes are ready.
func newCluster(t testing.TB, nodes int, env ...string) *cluster {
	t.Helper()
	c := &cluster{redis: domaintest.StartRedis(t), mongo: mongotest.Start(t)}
	env = append([]string{
		"CONFAB_REDIS_URL=" + c.redis.URL,
		"CONFAB_MONGO_URI=" + c.mongo.URI,
		"CONFAB_GUESTS=on",
		"CONFAB_LIMITS=off",
		"CONFAB_TRUSTED_PROXIES=127.0.0.0/8",
		"CONFAB_DATA=" + filepath.Join(t.TempDir(), "unused"),
	}, env...)
	c.projector = startConfab(t, "projector", append(env, "CONFAB_ROLES=projector")...)
	var addrs []string
	for i := range nodes {
		n := startConfab(t, fmt.Sprintf("node%d", i+1), append(env, "CONFAB_ROLES=node")...)
		c.nodes = append(c.nodes, n)
		addrs = append(addrs, n.addr)
	}
	c.projector.ready(t)
	for _, n := range c.nodes {
		n.ready(t)
	}
	c.nginx = nginxtest.Start(t, addrs...)
	return c
}
