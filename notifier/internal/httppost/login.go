package httppost

import (
	"encoding/base64"
	"errors"
	"net/http"

	"golang.org/x/net/http/httpguts"

	"github.com/tripline/tripline/notifier"
)

// Login is the part of a sink's configuration that says who we are, where that
// is not in the URL.
type Login struct {
	// Username and Password are for HTTP basic authentication, Bearer is a
	// token in its place.
	Username     string          `yaml:"username"`
	Password     notifier.Secret `yaml:"password"`
	PasswordFile string          `yaml:"password_file"`
	Bearer       notifier.Secret `yaml:"bearer"`
	BearerFile   string          `yaml:"bearer_file"`
}

// Validate reports everything that is wrong and can be told without reading
// files.
func (l Login) Validate() error {
	var errs []error
	password := l.Password != "" || l.PasswordFile != ""
	bearer := l.Bearer != "" || l.BearerFile != ""
	switch {
	case bearer && (password || l.Username != ""):
		errs = append(errs, errors.New("bearer: given beside username and password: which one?"))
	case password != (l.Username != ""):
		errs = append(errs, errors.New("username and password (or password_file) go together"))
	}
	if !httpguts.ValidHeaderFieldValue(string(l.Bearer)) {
		errs = append(errs, errors.New("bearer: holds characters that no header may hold"))
	}
	return errors.Join(errs...)
}

// Header reads the files and makes the header for it, nil for none, and lists
// what no error may show.
func (l Login) Header() (http.Header, []notifier.Secret, error) {
	password, err := notifier.ReadSecret("password", l.Password, l.PasswordFile)
	if err != nil {
		return nil, nil, err
	}
	bearer, err := notifier.ReadSecret("bearer", l.Bearer, l.BearerFile)
	if err != nil {
		return nil, nil, err
	}
	switch {
	case l.Username != "":
		basic := base64.StdEncoding.EncodeToString([]byte(l.Username + ":" + string(password)))
		return http.Header{"Authorization": {"Basic " + basic}}, []notifier.Secret{password, notifier.Secret(basic)}, nil
	case bearer == "":
		return nil, nil, nil
	case !httpguts.ValidHeaderFieldValue(string(bearer)):
		return nil, nil, errors.New("bearer_file: what it holds cannot be in a header")
	}
	return http.Header{"Authorization": {"Bearer " + string(bearer)}}, []notifier.Secret{bearer}, nil
}
