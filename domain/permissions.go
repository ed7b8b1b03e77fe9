package domain

// Visibility decides who may find and read a room.
type Visibility string

// Anybody signed in may read and join a public room. A private room does not exist
// for anybody who is not in it.
const (
	Public  Visibility = "public"
	Private Visibility = "private"
)

// Role is what a member may do. The zero Role is that of somebody who is not a member.
type Role string

// The roles, from most to least.
const (
	Owner     Role = "owner"
	Moderator Role = "moderator"
	Ordinary  Role = "member"
)

func (r Role) moderates() bool { return r == Owner || r == Moderator }

// CanRead is the one rule that subscribe, replay, history, member lists and search ask.
func (r *Room) CanRead(u UserID) error {
	if r.Visibility != Public && r.RoleOf(u) == "" {
		return ErrRoomNotFound()
	}
	return nil
}

// CanSend is the rule that every post asks.
func (r *Room) CanSend(u UserID) error {
	if err := r.CanRead(u); err != nil {
		return err
	}
	if r.RoleOf(u) == "" {
		return Errorf(CodeForbidden, "only members send; join the room first")
	}
	return nil
}

// CanAdd is the rule of joining (u is who) and of adding somebody else.
func (r *Room) CanAdd(who, u UserID) error {
	if err := r.CanRead(who); err != nil {
		return err
	}
	if who != u && !r.RoleOf(who).moderates() {
		return Errorf(CodeForbidden, "only an owner or a moderator adds somebody else")
	}
	return nil
}

// CanRemove is the rule of leaving (u is who) and of removing somebody else.
func (r *Room) CanRemove(who, u UserID) error {
	if err := r.CanRead(who); err != nil {
		return err
	}
	if who == u {
		return nil
	}
	if !r.RoleOf(who).moderates() {
		return Errorf(CodeForbidden, "only an owner or a moderator removes somebody else")
	}
	if r.RoleOf(u) == Owner {
		return Errorf(CodeForbidden, "an owner cannot be removed")
	}
	return nil
}
