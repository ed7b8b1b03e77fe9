package projector

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/ThreeDotsLabs/watermill-redisstream/pkg/redisstream"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/redis/go-redis/v9"
)

// Metadata that the Subscriber adds to a message.
const (
	// EntryID is the id of the entry in the log.
	EntryID = "confab_entry"
	// Malformed is set on a message whose entry is not in watermill-redisstream's
	// format, to the reason. Its payload holds the entry's fields, see Fields.
	Malformed = "confab_malformed"
)

// Field is a field of a stream entry, with its bytes as they are. In JSON both are
// base 64, since nobody knows what they hold.
type Field struct {
	Name  []byte `json:"name"`
	Value []byte `json:"value"`
}

// messageOf makes a message of an entry, whatever the entry holds.
func messageOf(x redis.XMessage) *message.Message {
	msg, err := unmarshal(x.Values)
	if err != nil {
		msg = message.NewMessage("", rawFields(x.Values))
		msg.Metadata.Set(Malformed, err.Error())
	}
	if msg.Metadata == nil { // msgpack's nil is an allowed metadata field
		msg.Metadata = message.Metadata{}
	}
	msg.Metadata.Set(EntryID, x.ID)
	return msg
}

// unmarshal is the stock unmarshaller, whose panics on odd values are errors here.
func unmarshal(values map[string]any) (msg *message.Message, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("unmarshal entry: %v", r)
		}
	}()
	return redisstream.DefaultMarshallerUnmarshaller{}.Unmarshal(values)
}

func rawFields(values map[string]any) []byte {
	fields := make([]Field, 0, len(values))
	for name, value := range values {
		s, _ := value.(string)
		fields = append(fields, Field{Name: []byte(name), Value: []byte(s)})
	}
	slices.SortFunc(fields, func(a, b Field) int { return slices.Compare(a.Name, b.Name) })
	raw, _ := json.Marshal(fields) // byte slices always encode
	return raw
}

// Fields returns the fields of a malformed entry from the payload of its message.
func Fields(payload []byte) ([]Field, error) {
	var fields []Field
	if err := json.Unmarshal(payload, &fields); err != nil {
		return nil, fmt.Errorf("decode fields: %w", err)
	}
	return fields, nil
}
