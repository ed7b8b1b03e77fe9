// Package swarm is the load generator: a [Swarm] holds tens of thousands of WebSocket
// connections in one goroutine, and checks rule 1 of the wire contract on every event of
// every connection. It speaks to a Confab like any client, and costs so little that it may
// share a small machine with what it measures.
//
// It needs Linux (epoll). The scenarios of `confab bench` are built from it.
package swarm
