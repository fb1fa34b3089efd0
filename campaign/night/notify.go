package night

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"time"

	"gauntlet/report"
	"gauntlet/suite"
)

// How long a notification may take: nobody waits for it.
const (
	commandWithin = time.Minute
	webhookWithin = 10 * time.Second
)

// The environment that a command finds.
const (
	EnvironmentSummary  = "GAUNTLET_SUMMARY"  // path of the summary, beside which its HTML page lies
	EnvironmentExit     = "GAUNTLET_EXIT"     // exit code
	EnvironmentCampaign = "GAUNTLET_CAMPAIGN" // name
)

// notification is what a webhook is posted.
type notification struct {
	Campaign  string         `json:"campaign"`
	Night     string         `json:"night"`
	Place     string         `json:"place"`
	Exit      int            `json:"exit"`
	Verdict   string         `json:"verdict"`
	Cells     map[string]int `json:"cells"` // by what became of them
	Directory string         `json:"directory"`
	Stopped   string         `json:"stopped,omitempty"`
}

// notify tells whoever wants to be told, and returns one line for each who could not be. It never
// changes what the night has shown.
func notify(n suite.Notify, c *report.Campaign, summary string) (warnings []string) {
	if len(n.Command) > 0 {
		if err := runCommand(n.Command, c, summary); err != nil {
			warnings = append(warnings, fmt.Sprintf("notify: the command %s: %v", n.Command[0], err))
		}
	}
	if n.Webhook != "" {
		err := post(n.Webhook, c)
		if err != nil {
			err = post(n.Webhook, c)
		}
		if err != nil {
			warnings = append(warnings, fmt.Sprintf("notify: the webhook, tried twice: %v", err))
		}
	}
	return warnings
}

func runCommand(command []string, c *report.Campaign, summary string) error {
	ctx, cancel := context.WithTimeout(context.Background(), commandWithin)
	defer cancel()
	run := exec.CommandContext(ctx, command[0], command[1:]...)
	run.WaitDelay = time.Second
	run.Env = append(os.Environ(), EnvironmentSummary+"="+summary,
		EnvironmentExit+"="+strconv.Itoa(c.Exit), EnvironmentCampaign+"="+c.Name)
	out, err := run.CombinedOutput()
	if ctx.Err() != nil {
		return fmt.Errorf("it took longer than %v", commandWithin)
	}
	if err != nil && len(out) > 0 {
		return fmt.Errorf("%w: %s", err, shortened(oneLine(string(out)), 200))
	}
	return err
}

// post sends one notification. The address may hold a secret, so no error repeats it.
func post(address string, c *report.Campaign) error {
	cells := map[string]int{}
	for _, cell := range c.Cells {
		cells[cell.Verdict()]++
	}
	body, err := json.Marshal(notification{
		Campaign: c.Name, Night: c.Night, Place: c.Place, Exit: c.Exit,
		Verdict: report.ClassName(c.Exit), Cells: cells, Directory: c.Directory, Stopped: c.Stopped,
	})
	if err != nil {
		return err
	}
	client := http.Client{Timeout: webhookWithin}
	answer, err := client.Post(address, "application/json", bytes.NewReader(body))
	if err != nil {
		if at := (*url.Error)(nil); errors.As(err, &at) {
			return at.Err
		}
		return errors.New("it cannot be reached")
	}
	answer.Body.Close()
	if answer.StatusCode/100 != 2 {
		return fmt.Errorf("it answered %s", answer.Status)
	}
	return nil
}
