package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"

	"github.com/containernetworking/cni/pkg/skel"
	"github.com/containernetworking/cni/pkg/types"
)

// run hands a call on to the executable under test. The environment is the caller's, who has set it as a runtime would.
func run(args *skel.CmdArgs) error {
	command := exec.Command(os.Getenv("PLUGIN_UNDER_TEST"))
	command.Env = append(os.Environ(), "CNI_ARGS="+args.Args)
	command.Stdin = bytes.NewReader(args.StdinData)
	command.Stderr = os.Stderr
	output, err := command.Output()
	if err == nil {
		_, err = os.Stdout.Write(output)
		return err
	}
	answer := types.Error{}
	if json.Unmarshal(output, &answer) != nil {
		return err
	}
	// Suites compare messages: our details say what to do next.
	return errors.New(answer.Msg)
}

func cmdAdd(args *skel.CmdArgs) error    { return run(args) }
func cmdCheck(args *skel.CmdArgs) error  { return run(args) }
func cmdDel(args *skel.CmdArgs) error    { return run(args) }
func cmdStatus(args *skel.CmdArgs) error { return run(args) }
