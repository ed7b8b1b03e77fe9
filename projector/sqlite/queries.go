package sqlite

// Every statement on rows. Each is answered by an index: a test asks SQLite for the
// plan of all constants in this file.
const (
	selectHead = `SELECT seq FROM events WHERE room = ? ORDER BY seq DESC LIMIT 1`

	selectEvents = `SELECT seq, payload FROM events WHERE room = ? AND seq > ? ORDER BY seq LIMIT ?`

	selectEvent = `SELECT payload FROM events WHERE room = ? AND seq = ?`

	selectAllEvents = `SELECT room, seq, payload FROM events WHERE (room, seq) > (?, ?) ORDER BY room, seq LIMIT ?`

	insertEvent = `INSERT INTO events (room, seq, payload) VALUES (?, ?, ?)`

	selectByKey = `SELECT e.seq, e.payload FROM keys k JOIN events e ON e.room = k.room AND e.seq = k.seq
		WHERE k.room = ? AND k.user = ? AND k.key = ?`

	// A key comes once; should ingest ever fail in that, the first event keeps it.
	insertKey = `INSERT INTO keys (room, user, key, seq) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING`

	selectApplied = `SELECT seq FROM rooms WHERE id = ?`

	selectRoom = `SELECT name, visibility, epoch, epoch_seq, created_at, seq, state_seq FROM rooms WHERE id = ?`

	upsertRoom = `INSERT INTO rooms (id, name, visibility, epoch, epoch_seq, created_at, seq, state_seq) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET name = excluded.name, visibility = excluded.visibility, epoch = excluded.epoch,
			epoch_seq = excluded.epoch_seq,
			created_at = excluded.created_at, seq = excluded.seq, state_seq = excluded.state_seq`

	selectMembers = `SELECT user, name, guest, role, seq FROM members WHERE room = ?`

	upsertMember = `INSERT INTO members (room, user, name, guest, role, seq) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT (room, user) DO UPDATE SET name = excluded.name, guest = excluded.guest, role = excluded.role, seq = excluded.seq`

	// Both halves come in the order of their index, and SQLite merges them.
	selectRooms = `SELECT m.room, r.name, r.visibility, 1 FROM members m JOIN rooms r ON r.id = m.room
			WHERE m.user = ?1 AND m.role <> '' AND m.room > ?2 AND r.visibility <> ''
		UNION ALL
		SELECT r.id, r.name, r.visibility, 0 FROM rooms r
			WHERE r.visibility = 'public' AND r.id > ?2
			AND NOT EXISTS (SELECT 1 FROM members m WHERE m.room = r.id AND m.user = ?1 AND m.role <> '')
		ORDER BY 1 LIMIT ?3`

	selectMessagesForward = `SELECT seq, id, key, at, author, author_name, author_guest, body FROM messages
		WHERE room = ? AND seq > ? AND seq < ? ORDER BY seq LIMIT ?`

	selectMessagesBackward = `SELECT seq, id, key, at, author, author_name, author_guest, body FROM messages
		WHERE room = ? AND seq > ? AND seq < ? ORDER BY seq DESC LIMIT ?`

	insertMessage = `INSERT INTO messages (room, seq, id, key, at, author, author_name, author_guest, body)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`

	insertAccount = `INSERT INTO accounts (id, name, guest, name_key, password_hash, created_at) VALUES (?, ?, ?, ?, ?, ?)`

	selectAccount = `SELECT id, name, guest, name_key, password_hash, created_at FROM accounts WHERE id = ?`

	selectAccountByName = `SELECT id, name, guest, name_key, password_hash, created_at FROM accounts
		WHERE name_key = ? AND name_key <> ''`

	insertSession = `INSERT INTO sessions (token_hash, id, user, name, guest, created_at, expires_at, user_agent)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?)`

	selectSession = `SELECT token_hash, id, user, name, guest, created_at, expires_at, user_agent FROM sessions
		WHERE token_hash = ? AND expires_at > ?`

	selectSessions = `SELECT token_hash, id, user, name, guest, created_at, expires_at, user_agent FROM sessions
		WHERE user = ? AND expires_at > ? ORDER BY created_at, id`

	deleteSession = `DELETE FROM sessions WHERE user = ? AND id = ?`

	deleteExpired = `DELETE FROM sessions WHERE expires_at <= ?`
)
