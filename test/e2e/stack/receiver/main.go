// Receiver is the end of a webhook in the stack: what is posted to it is a line
// of its standard output, with the line ends of the body taken out. With an
// address as argument it asks for that and prints the answer, for images that
// have no program to do so.
package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

// mostBody bounds what is taken.
const mostBody = 4 << 20

func main() {
	var err error
	if len(os.Args) > 1 {
		err = get(os.Args[1])
	} else {
		err = serve(":8080")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "receiver:", err)
		os.Exit(1)
	}
}

func serve(listen string) error {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /hook/{token}", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, mostBody))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		if r.PathValue("token") != "s3cret" {
			http.Error(w, "who are you?", http.StatusForbidden)
			return
		}
		line := append(bytes.ReplaceAll(body, []byte("\n"), nil), '\n')
		if _, err := os.Stdout.Write(line); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
	s := &http.Server{Addr: listen, Handler: mux, ReadTimeout: 10 * time.Second}
	return s.ListenAndServe()
}

func get(url string) error {
	client := &http.Client{Timeout: 5 * time.Second}
	resp, err := client.Get(url)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	fmt.Println(resp.Status)
	_, err = io.Copy(os.Stdout, resp.Body)
	return err
}
