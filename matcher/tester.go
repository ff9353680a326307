package matcher

import "context"

// Tester is implemented by a [Language] in which tests of rules are written
// too.
type Tester interface {
	// OwnsTest says whether a file holds tests in this language, by its path.
	OwnsTest(path string) bool
	// Test runs tests together with the rules of the language that stand in
	// the same source. What keeps tests from being run is in the problems.
	Test(ctx context.Context, rules, tests []File) ([]TestResult, []Problem)
}

// TestResult is what became of one test of a rule.
type TestResult struct {
	File string
	Line int // from 1, 0 when unknown
	Name string
	// Failure says what was not as expected, "" when all was.
	Failure string
	Skipped bool
	// Output is what the test printed.
	Output string
}
