package boximage

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
)

// Passwd and Group are files of the image.
const (
	Passwd = "boxroot:x:0:0::/:/bin/sh\nboxuser:x:1000:1000::/:/bin/sh\n"
	Group  = "boxroot:x:0:\nboxusers:x:1000:\n"
)

// Find returns the path of a program, also of one in a directory for
// administrators; "" when there is none.
func Find(name string) string {
	if p, err := exec.LookPath(name); err == nil {
		return p
	}
	for _, dir := range []string{"/usr/sbin", "/sbin", "/usr/local/sbin", "/bin"} {
		p := filepath.Join(dir, name)
		if st, err := os.Stat(p); err == nil && st.Mode().IsRegular() && st.Mode()&0o111 != 0 {
			return p
		}
	}
	return ""
}

// Layer returns the image's only layer, a tar archive.
func Layer() ([]byte, error) {
	binary, err := os.ReadFile(Find("busybox"))
	if err != nil {
		return nil, err
	}
	files := []file{
		{tar.Header{Name: "bin/", Typeflag: tar.TypeDir, Mode: 0o755}, nil},
		{tar.Header{Name: "bin/busybox", Typeflag: tar.TypeReg, Mode: 0o755}, binary},
		{tar.Header{Name: "etc/", Typeflag: tar.TypeDir, Mode: 0o755}, nil},
		{tar.Header{Name: "etc/passwd", Typeflag: tar.TypeReg, Mode: 0o644}, []byte(Passwd)},
		{tar.Header{Name: "etc/group", Typeflag: tar.TypeReg, Mode: 0o644}, []byte(Group)},
	}
	for _, name := range []string{"sh", "sleep", "true", "cat"} {
		files = append(files, file{tar.Header{Name: "bin/" + name, Typeflag: tar.TypeSymlink, Linkname: "busybox"}, nil})
	}
	return archive(files)
}

type file struct {
	hdr  tar.Header
	body []byte
}

func archive(files []file) ([]byte, error) {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, f := range files {
		f.hdr.Size = int64(len(f.body))
		if err := w.WriteHeader(&f.hdr); err != nil {
			return nil, err
		}
		if _, err := w.Write(f.body); err != nil {
			return nil, err
		}
	}
	return out.Bytes(), w.Close()
}

// Layout returns the image as an archive of an OCI image layout
// (https://github.com/opencontainers/image-spec), with the name that containerd
// gives it when it imports it. What it runs by itself only waits.
func Layout(name string) ([]byte, error) {
	layer, err := Layer()
	if err != nil {
		return nil, err
	}
	files := []file{{tar.Header{Name: "oci-layout", Typeflag: tar.TypeReg, Mode: 0o644}, []byte(`{"imageLayoutVersion":"1.0.0"}`)}}
	type object = map[string]any
	blob := func(mediaType string, body []byte) object {
		sum := sha256.Sum256(body)
		digest := hex.EncodeToString(sum[:])
		files = append(files, file{tar.Header{Name: "blobs/sha256/" + digest, Typeflag: tar.TypeReg, Mode: 0o644}, body})
		return object{"mediaType": mediaType, "digest": "sha256:" + digest, "size": len(body)}
	}
	text := func(v any) []byte {
		b, _ := json.Marshal(v) // of maps of texts and numbers, which cannot fail
		return b
	}
	l := blob("application/vnd.oci.image.layer.v1.tar", layer)
	config := blob("application/vnd.oci.image.config.v1+json", text(object{
		"architecture": runtime.GOARCH, "os": "linux",
		"config": object{"Entrypoint": []string{"/bin/sleep"}, "Cmd": []string{"100000"}, "Env": []string{"PATH=/bin"}},
		"rootfs": object{"type": "layers", "diff_ids": []any{l["digest"]}},
	}))
	manifest := blob("application/vnd.oci.image.manifest.v1+json", text(object{
		"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": config, "layers": []any{l},
	}))
	manifest["annotations"] = object{"io.containerd.image.name": name}
	files = append(files, file{tar.Header{Name: "index.json", Typeflag: tar.TypeReg, Mode: 0o644}, text(object{
		"schemaVersion": 2, "manifests": []any{manifest},
	})})
	return archive(files)
}
