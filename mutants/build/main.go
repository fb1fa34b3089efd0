// Command build makes the raftd of a planted bug: go run ./mutants/build BUG OUT
package main

import (
	"context"
	"fmt"
	"os"

	"gauntlet/mutants"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: build BUG OUT, where BUG is one of:")
		for _, m := range mutants.All {
			fmt.Fprintf(os.Stderr, "  %-18s %s\n", m.ID, m.Rule)
		}
		os.Exit(64)
	}
	mutant, err := mutants.Find(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(64)
	}
	if err := mutant.Build(context.Background(), ".", mutants.Raftd, os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(4)
	}
	fmt.Printf("%s: %s, built as %s\n", mutant.ID, mutant.Rule, os.Args[2])
}
