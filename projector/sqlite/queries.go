package sqlite

// Every statement on rows. Each is answered by an index: a test asks SQLite for the
// plan of all constants in this file.
const (
	selectID = `SELECT id FROM history WHERE one = 1`

	selectHead = `SELECT last FROM blocks WHERE room = ? ORDER BY first DESC LIMIT 1`

	// The block that an event is in is the last one that begins before the next event.
	selectEvents = `SELECT first, ?2 + 1, ?3 - 1, entries FROM blocks
		WHERE room = ?1 AND first < ?3 AND last > ?2
			AND first >= coalesce((SELECT first FROM blocks WHERE room = ?1 AND first <= ?2 + 1 ORDER BY first DESC LIMIT 1), 0)
		ORDER BY first`

	selectBlock = `SELECT entries FROM blocks WHERE room = ? AND first <= ? ORDER BY first DESC LIMIT 1`

	selectAllBlocks = `SELECT entries FROM blocks WHERE (room, first) > (?, ?) ORDER BY room, first LIMIT ?`

	insertBlock = `INSERT INTO blocks (room, first, last, entries) VALUES (?, ?, ?, ?)`

	insertJournal = `INSERT INTO journal (n, entries) VALUES (?, ?)`

	selectJournal = `SELECT n, entries FROM journal WHERE n > 0 ORDER BY n`

	deleteJournal = `DELETE FROM journal WHERE n <= ?`

	// A key comes once; should ingest ever fail in that, the first event keeps it. IGNORE also
	// spares the journal that SQLite keeps of a statement of many rows to undo it alone.
	insertKey = `INSERT OR IGNORE INTO keys (room, user, key, seq) VALUES (?, ?, ?, ?)`

	selectKey = `SELECT seq FROM keys WHERE room = ? AND user = ? AND key = ?`

	selectRoom = `SELECT name, visibility, epoch, epoch_seq, created_at, state_seq,
			coalesce((SELECT last FROM blocks WHERE room = rooms.id ORDER BY first DESC LIMIT 1), 0)
		FROM rooms WHERE id = ?`

	upsertRoom = `INSERT INTO rooms (id, name, visibility, epoch, epoch_seq, created_at, state_seq) VALUES (?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET name = excluded.name, visibility = excluded.visibility, epoch = excluded.epoch,
			epoch_seq = excluded.epoch_seq, created_at = excluded.created_at, state_seq = excluded.state_seq`

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

	// A page is a walk over runs and, in each, over blocks. Where those begin that can hold
	// a part of it is looked up first, so that no other is walked over.
	selectMessages = `SELECT b.first, max(p.first, ?2 + 1), min(p.last, ?3 - 1), b.entries FROM posts p
			CROSS JOIN blocks b ON b.room = p.room AND b.first <= min(p.last, ?3 - 1) AND b.last > ?2
				AND b.first >= coalesce((SELECT first FROM blocks WHERE room = ?1 AND first <= max(p.first, ?2 + 1) ORDER BY first DESC LIMIT 1), 0)
		WHERE p.room = ?1 AND p.first < ?3
			AND p.first >= coalesce((SELECT first FROM posts WHERE room = ?1 AND first <= ?2 ORDER BY first DESC LIMIT 1), 0)`
	selectMessagesForward  = selectMessages + ` ORDER BY p.first, b.first`
	selectMessagesBackward = selectMessages + ` ORDER BY p.first DESC, b.first DESC`

	// Where the run of messages begins that goes on, 0 if none does.
	selectRun = `SELECT iif(last = 9223372036854775807, first, 0) FROM posts WHERE room = ? ORDER BY first DESC LIMIT 1`

	insertPosts = `INSERT INTO posts (room, first, last) VALUES (?, ?, ?)`

	updatePosts = `UPDATE posts SET last = ? WHERE room = ? AND first = ?`

	insertAccount = `INSERT INTO accounts (id, name, guest, name_key, password_hash, created_at) VALUES (?, ?, ?, ?, ?, ?)`

	selectAccount = `SELECT id, name, guest, name_key, password_hash, created_at FROM accounts WHERE id = ?`

	selectAccountByName = `SELECT id, name, guest, name_key, password_hash, created_at FROM accounts
		WHERE name_key = ? AND name_key <> ''`

	insertSession = `INSERT INTO sessions (token_hash, id, user, name, guest, created_at, expires_at, user_agent)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?)`

	selectSession = `SELECT token_hash, id, user, name, guest, created_at, expires_at, user_agent FROM sessions
		WHERE token_hash = ? AND expires_at > ?`

	selectLiveSessions = `SELECT token_hash FROM sessions
		WHERE token_hash IN (SELECT value FROM json_each(?)) AND expires_at > ?`

	selectSessions = `SELECT token_hash, id, user, name, guest, created_at, expires_at, user_agent FROM sessions
		WHERE user = ? AND expires_at > ? ORDER BY created_at, id`

	deleteSession = `DELETE FROM sessions WHERE user = ? AND id = ?`

	deleteExpired = `DELETE FROM sessions WHERE expires_at <= ?`
)
