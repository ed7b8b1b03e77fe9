package projector

import (
	"encoding/json"
	"fmt"
	"slices"
	"unsafe"

	"github.com/ThreeDotsLabs/watermill-redisstream/pkg/redisstream"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/redis/go-redis/v9"
)

// Malformed is the metadata of a message whose entry is not in watermill-redisstream's
// format: the reason. The payload holds the entry's fields, see Fields.
const Malformed = "confab_malformed"

// Field is a field of a stream entry, with its bytes as they are. In JSON both are
// base 64, since nobody knows what they hold.
type Field struct {
	Name  []byte `json:"name"`
	Value []byte `json:"value"`
}

// messageOf makes a message of an entry, whatever the entry holds.
func messageOf(x redis.XMessage) *message.Message {
	uuid, ok := x.Values[redisstream.UUIDHeaderKey].(string)
	metadata, _ := x.Values["metadata"].(string)
	payload, _ := x.Values["payload"].(string)
	if ok && metadata == "" && payload != "" {
		// As the stock unmarshaller, but for a copy of the payload: go-redis read it into
		// memory of its own, and nobody writes to it.
		return message.NewMessage(uuid, unsafe.Slice(unsafe.StringData(payload), len(payload)))
	}
	msg, err := unmarshal(x.Values)
	if err != nil {
		msg = message.NewMessage("", rawFields(x.Values))
		msg.Metadata.Set(Malformed, err.Error())
	}
	if msg.Metadata == nil { // msgpack's nil is an allowed metadata field
		msg.Metadata = message.Metadata{}
	}
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
