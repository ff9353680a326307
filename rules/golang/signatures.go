package golang

import "github.com/tripline/tripline/pkg/detect"

// Signatures lists the constructors of all rules.
func Signatures() []func() detect.Signature {
	return []func() detect.Signature{
		NewStdioOverSocket,
		NewKubernetesAPI,
		NewTemporaryExec,
	}
}
