"""The steps of the MCP Inspector's command line, one process each."""

import json
import subprocess
from pathlib import Path
from typing import Any

PROGRAM = "node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js"
SECONDS = 30


def play(node: str, folder: Path, plan: dict[str, Any]) -> dict[str, Any]:
    """Run the steps against one server; return the results by step."""

    def ask(method: str, *options: str) -> Any:
        command = [node, str(folder / PROGRAM), "--cli", plan["url"], "--transport", "http", "--method", method]
        command += ["--header", f"Authorization: Bearer {plan['token']}", *options]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS, cwd=folder)  # noqa: S603
        if done.returncode:
            raise RuntimeError(f"status {done.returncode}: {(done.stderr or done.stdout).strip()[-300:]}")
        return json.loads(done.stdout)

    def prompt() -> Any:
        names = [one["name"] for one in ask("prompts/list")["prompts"]]
        name = next(one for one in names if one.endswith("test_prompt_with_arguments"))
        given = ("--prompt-name", name, "--prompt-args", "arg1=one", "arg2=two")
        return [message["content"] for message in ask("prompts/get", *given)["messages"]]

    text = ("--tool-name", plan["tools"]["test_simple_text"])
    steps = {
        "tools": lambda: [one["name"] for one in ask("tools/list")["tools"]],
        "text": lambda: ask("tools/call", *text)["content"][0]["text"],
        "resources": lambda: [one["uri"] for one in ask("resources/list")["resources"]],
        "templates": lambda: [one["uriTemplate"] for one in ask("resources/templates/list")["resourceTemplates"]],
        "resource of text": lambda: ask("resources/read", "--uri", f"{plan['base']}static-text")["contents"],
        "prompts": lambda: [one["name"] for one in ask("prompts/list")["prompts"]],
        "prompt": prompt,
    }
    results: dict[str, Any] = {}
    for name, step in steps.items():
        try:
            results[name] = step()
        except (RuntimeError, ValueError, LookupError, StopIteration, subprocess.TimeoutExpired) as error:
            results[name] = {"error": f"{type(error).__name__}: {error}"[:300].replace(plan["token"], "…")}
    return results
