// Command verify answers whether a replicated system keeps its promises while networks, clocks,
// disks and processes misbehave. This package is the only place that wires the rooms of the house
// together.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"

	"github.com/alecthomas/kong"

	"gauntlet/checker"
	"gauntlet/lab"
	"gauntlet/suite"
	"gauntlet/target"
)

// Exit codes that no run's results decide; the others are checker's.
const (
	exitHarness = checker.ExitHarness
	exitUsage   = 64
)

const description = `Does a replicated system keep its promises under partitions, pauses, crashes?

Exit codes: 0 valid, 1 safety violated, 2 gate missed, 3 inconclusive, 4 harness failed,
5 refused by a guard, 6 clean-up failed, 64 usage.`

// commands is the whole command line.
type commands struct {
	Run     RunCmd     `cmd:"" help:"Run a suite, from set-up to verdict."`
	Check   CheckCmd   `cmd:"" help:"Judge a run directory again, offline."`
	Export  ExportCmd  `cmd:"" help:"Write the history of a run for other tools."`
	Sim     SimCmd     `cmd:"" help:"Play raftd in the simulator: millions of faults, exact replays."`
	Replay  ReplayCmd  `cmd:"" help:"Play a schedule again, or what a past run did."`
	Shrink  ShrinkCmd  `cmd:"" help:"Find the smallest schedule that still fails."`
	Diff    DiffCmd    `cmd:"" help:"Show what two runs do not have in common."`
	Matrix  MatrixCmd  `cmd:"" help:"Measure availability under each shape of fault."`
	Torture TortureCmd `cmd:"" help:"Cut the power of random majorities, round after round."`
	Lab     LabCmd     `cmd:"" help:"Hold a lab of namespace hosts that many runs can use."`
	Heal    HealCmd    `cmd:"" help:"Undo what runs have left on hosts, from their journals alone."`
	Halt    HaltCmd    `cmd:"" help:"Stop a run of this machine, and heal its hosts if need be."`
	Consent ConsentCmd `cmd:"" help:"Write the marker by which hosts consent to faults."`
	Doctor  DoctorCmd  `cmd:"" help:"Show what this machine, or each host, can and cannot do."`

	ShrinkIncident ShrinkIncidentCmd `cmd:"" help:"Find the smallest timeline of an incident."`

	Campaign  CampaignCmd  `cmd:"" help:"Run every combination of a campaign, unattended."`
	Reproduce ReproduceCmd `cmd:"" help:"Say how often an incident happens again, and to which build."`

	ClientTest ClientTestCmd `cmd:"" help:"Test a client program against its contract."`

	CheckWorker workerCmd `cmd:"" name:"__check-worker" hidden:""`
}

// exitError carries the exit code of a failure that was already explained, or is explained by Err.
type exitError struct {
	code int
	err  error // nil: nothing left to say
}

func (e *exitError) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// hintedError is one line, with what to do about it.
type hintedError struct {
	text  string
	hints []string
}

func (e *hintedError) Error() string { return e.text }

// misused is an error of usage with a hint.
func misused(hint, format string, args ...any) error {
	return &exitError{exitUsage, &hintedError{fmt.Sprintf(format, args...), []string{hint}}}
}

func main() {
	if lab.IsReexec(os.Args) {
		os.Exit(lab.Main(os.Args))
	}
	called = os.Args[0]
	os.Exit(execute(os.Args[1:], os.Stdout, os.Stderr))
}

// called is how this program was called: what it tells a person to type is called so, too, since it
// need not be in the path.
var called = "verify"

// typed is a text with the command lines in it as they would be typed here.
func typed(text string) string {
	return commandLine.ReplaceAllString(text, strings.ReplaceAll(called, "$", "$$")+" $1")
}

var commandLine = regexp.MustCompile(`\bverify (run|check|export|sim|replay|shrink|diff|matrix|` +
	`torture|lab|heal|halt|consent|doctor|shrink-incident|campaign|reproduce|client-test)\b`)

// execute parses and runs one command line, and returns its exit code.
func execute(args []string, stdout, stderr io.Writer) int {
	var cli commands
	stopped := -1
	parser, err := kong.New(&cli, kong.Name("verify"), kong.Description(description),
		kong.Writers(stdout, stderr), kong.Exit(func(code int) { stopped = code }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true}))
	if err != nil {
		return fail(stderr, err)
	}
	command, err := parser.Parse(args)
	if stopped >= 0 {
		return stopped // help was asked for, and given
	}
	if err != nil {
		fmt.Fprintf(stderr, "verify: %v\nhint: see %s --help\n", err,
			strings.TrimSpace(called+" "+chosen(err)))
		return exitUsage
	}
	command.BindTo(stdout, (*io.Writer)(nil))
	if err := command.Run(); err != nil {
		return fail(stderr, err)
	}
	return 0
}

// chosen is the subcommand whose command line could not be parsed; "": it came to none.
func chosen(err error) string {
	var parse *kong.ParseError
	if !errors.As(err, &parse) {
		return ""
	}
	name := ""
	for _, part := range parse.Context.Path {
		if part.Command != nil {
			name += " " + part.Command.Name
		}
	}
	return strings.TrimSpace(name)
}

// fail explains an error on one line each, hints after it, and returns the exit code.
func fail(stderr io.Writer, err error) int {
	var exit *exitError
	if errors.As(err, &exit) && exit.err == nil {
		return exit.code
	}
	var problems suite.Problems
	if errors.As(err, &problems) {
		fmt.Fprintln(stderr, typed(strings.TrimRight(problems.Error(), "\n")))
		return exitUsage
	}
	fmt.Fprintf(stderr, "verify: %v\n", err)
	for _, hint := range hints(err) {
		fmt.Fprintf(stderr, "hint: %s\n", typed(hint))
	}
	if exit != nil {
		return exit.code
	}
	return exitHarness
}

func hints(err error) []string {
	var ofLab *lab.Error
	if errors.As(err, &ofLab) && ofLab.Hint != "" {
		return []string{ofLab.Hint}
	}
	var unknown *checker.UnknownModelError
	if errors.As(err, &unknown) {
		return []string{"models are " + strings.Join(checker.ModelNames(), ", ")}
	}
	var hinted *hintedError
	if errors.As(err, &hinted) {
		return hinted.hints
	}
	return target.Hints(err)
}
