// Package client is Confab for Go programs: signing in, rooms and history over REST,
// and a live connection that keeps the promises of the wire contract for its caller.
//
//	me, err := client.Guest(ctx, "http://localhost:8080", "robot")
//	room, err := me.CreateRoom(ctx, "lounge", domain.Public)
//	c, err := client.Dial(ctx, me, client.Options{})
//	defer c.Close()
//	sub := c.Subscribe(room.ID, domain.Cursor{After: 0})
//	_, err = c.Send(ctx, room.ID, "", "hello")
//	for event, err := range sub.All(ctx) { … }
//
// A Client reconnects with jitter and not before the server said, resumes every
// subscription from its last seq, and sends again under the same key whatever was not
// acked. It checks rule 1 of the contract itself: a subscription whose server breaks
// it ends with a *ViolationError.
package client
