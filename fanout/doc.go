// Package fanout is the live side of a node: the bus that carries new events from
// Redis to every node, the timeline that reads any part of a room's history from
// wherever it is kept, and the hub that delivers each room's events to the node's
// subscribers without a gap, a repeat or a disorder. See DESIGN.md.
package fanout
