"""Processes of mlcli that others start."""

from mlcli.io.programs import describe_ended, running, tell_to_connect


def test_one_that_has_ended_before_it_was_told_to_connect_is_no_error():
    with running([(["--version"], {})]) as [process]:
        process.wait(60)
        tell_to_connect([process])
        assert describe_ended([process]) == "process 1 ended with exit code 0"
