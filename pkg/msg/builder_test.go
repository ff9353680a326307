package msg_test

import (
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/tripline/tripline/pkg/msg"
)

func TestBuilder(t *testing.T) {
	var b msg.Builder
	for i, c := range []struct {
		got, want int64
	}{
		{b.String("a"), 0},
		{b.String("b"), 1},
		{b.String("a"), 0},
		{b.StringBytes([]byte("b")), 1},
		{b.StringBytes([]byte("c")), 2},
		{b.String("c"), 2},
		{b.String(""), 3},
		{b.StringBytes(nil), 3},
		{b.Bytes([]byte("x")), 0},
		{b.Bytes(nil), 1},
		{b.List(&msg.StringList{}), 0},
		{b.List(&msg.StringList{}), 1},
		{b.Address(&msg.SocketAddress{}), 0},
		{b.Address(&msg.SocketAddress{}), 1},
		{b.Cred(&msg.Credentials{}), 0},
		{b.Cred(&msg.Credentials{}), 1},
		{int64(b.Process(&msg.Process{})), 0},
		{int64(b.Process(&msg.Process{})), 1},
		// Of these, 0 stands for none.
		{int64(b.File(&msg.File{})), 1},
		{int64(b.File(&msg.File{})), 2},
		{int64(b.Container(&msg.Container{})), 1},
		{int64(b.Container(&msg.Container{})), 2},
	} {
		if c.got != c.want {
			t.Errorf("entry %d has index %d, not %d", i, c.got, c.want)
		}
	}
	b.Event(&msg.Event{Seq: 9})
	first := b.Take()
	want := &msg.Batch{
		Strings: []string{"a", "b", "c", ""}, Blobs: [][]byte{[]byte("x"), nil},
		Lists: []*msg.StringList{{}, {}}, Addresses: []*msg.SocketAddress{{}, {}}, Credentials: []*msg.Credentials{{}, {}},
		Processes: []*msg.Process{{}, {}}, Files: []*msg.File{{}, {}}, Containers: []*msg.Container{{}, {}}, Events: []*msg.Event{{Seq: 9}},
	}
	if !proto.Equal(first, want) {
		t.Errorf("the batch is %v\nwant %v", first, want)
	}
	// It starts over, and what was taken is no longer its business.
	if got := b.String("z"); got != 0 {
		t.Errorf("the first string of the next batch has index %d", got)
	}
	if second := b.Take(); len(second.Strings) != 1 || second == first || !proto.Equal(first, want) {
		t.Errorf("the next batch is %v, the first %v", second, first)
	}
	if empty := b.Take(); empty == nil || !proto.Equal(empty, &msg.Batch{}) {
		t.Errorf("nothing built is %v", empty)
	}
}

// TestStringBytesCopies: the buffer that the string came from goes on being used.
func TestStringBytesCopies(t *testing.T) {
	var b msg.Builder
	buf := []byte("before")
	i := b.StringBytes(buf)
	copy(buf, "after!")
	if got := b.Batch().Strings[i]; got != "before" {
		t.Errorf("the string became %q", got)
	}
	if j := b.String("before"); j != i {
		t.Errorf("the string is entered again as %d", j)
	}
}
