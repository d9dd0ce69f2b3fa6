package main

import (
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
)

// flags is a command's set of flags: each value is checked while it is parsed.
type flags struct {
	*flag.FlagSet
	required []string
}

func newFlags(command string) *flags {
	set := flag.NewFlagSet(command, flag.ContinueOnError)
	set.SetOutput(io.Discard)
	return &flags{FlagSet: set}
}

// oneOf adds a flag that takes one of the named values; the first is its default.
func (f *flags) oneOf(name string, allowed ...string) *string {
	value := allowed[0]
	f.Func(name, strings.Join(allowed, ", "), func(text string) error {
		if !slices.Contains(allowed, text) {
			return fmt.Errorf("must be one of %s", strings.Join(allowed, ", "))
		}
		value = text
		return nil
	})
	return &value
}

// atLeast adds a flag that takes a whole number no smaller than the least one.
func (f *flags) atLeast(least int, name string, initial int) *int {
	value := initial
	f.Func(name, "a whole number", func(text string) error {
		var number int
		var rest string
		if count, _ := fmt.Sscanf(text+" ", "%d%s", &number, &rest); count != 1 || number < least {
			return fmt.Errorf("must be a whole number from %d", least)
		}
		value = number
		return nil
	})
	return &value
}

// must adds a flag that has no default and cannot be left out.
func (f *flags) must(name string) *string {
	f.required = append(f.required, name)
	return f.String(name, "", "required")
}

func (f *flags) given(name string) bool {
	found := false
	f.Visit(func(one *flag.Flag) { found = found || one.Name == name })
	return found
}

func (f *flags) parse(arguments []string) error {
	if err := f.Parse(arguments); err != nil {
		return fmt.Errorf("%s: %w", f.Name(), err)
	}
	if f.NArg() > 0 {
		return fmt.Errorf("%s: unexpected argument %q", f.Name(), f.Arg(0))
	}
	for _, name := range f.required {
		if !f.given(name) {
			return fmt.Errorf("%s: --%s is missing", f.Name(), name)
		}
	}
	return nil
}
