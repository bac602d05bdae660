"""Imports point one way, only the console prints, and nothing read from disk can run code."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from docs.generate.architecture import draw_architecture
from docs.generate.layers import PAGE, layers, purposes
from tests.conftest import ROOT

PACKAGE = Path(__file__).parent.parent / "mlcli"
MODULES = sorted(PACKAGE.rglob("*.py"))
NAMES = {".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__") for path in MODULES}

# Read off the page on the architecture: a row for each layer, from the lowest up.
LAYERS = layers()
LAYER_OF = {name: level for level, names in enumerate(LAYERS) for name in names}
TERMINAL_LIBRARIES = {"typer", "rich"}
# Objects from bytes, programs, code by name, the network.
UNSAFE_MODULES = {
    "pickle", "joblib", "shelve", "marshal", "dill", "cloudpickle", "subprocess", "multiprocessing", "pty", "runpy",
    "code", "codeop", "ctypes",
}  # fmt: skip
UNSAFE_CALLS = {
    "eval", "exec", "compile", "__import__", "torch.load", "torch.save", "torch.jit.load", "torch.hub.load",
    "torch.compile", "np.save", "pl.DataFrame.deserialize", "yaml.load", "yaml.load_all", "yaml.unsafe_load",
    "yaml.full_load", "yaml.safe_load", "os.system", "os.popen", "os.fork", "os.startfile", "frame.eval",
}  # fmt: skip
UNSAFE_STARTS = ("os.exec", "os.spawn", "os.posix_spawn")
NETWORK_MODULES = {"urllib", "http", "requests", "httpx", "aiohttp", "ftplib", "smtplib", "ssl", "webbrowser"}
# Text in and text out; socket is asked for this machine's name alone.
HARMLESS = {"urllib.parse"}
ENTITLED_TO_NETWORK = "io/network.py"
# It starts mlcli itself.
ENTITLED_TO_PROGRAMS = "io/programs.py"


def folder_of(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@cache
def nodes(path):
    """Every node of a module's syntax tree."""
    return tuple(ast.walk(ast.parse(path.read_text())))


def imports(path):
    """Names of the modules that a module imports, type-checking and lazy ones included."""
    for node in nodes(path):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def module_name(path):
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")


def own_imports(path):
    """Modules of mlcli that a module imports, `from mlcli.io import disk` as mlcli.io.disk."""
    for node in nodes(path):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "mlcli":
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield full if full in NAMES else node.module


@cache
def calls(path):
    """Every call of a module, by the name of what is called."""
    return tuple((ast.unparse(node.func), node) for node in nodes(path) if isinstance(node, ast.Call))


def test_every_folder_has_its_layer():
    assert {folder_of(path) for path in MODULES} == set(LAYER_OF)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down(path):
    folder = folder_of(path)
    for name in own_imports(path):
        other = ([*name.split("."), folder])[1]
        assert other == folder or LAYER_OF[other] <= LAYER_OF[folder], f"{path.name} imports {name}"


def cycle_in(graph):
    """Names along a cycle of {name: names it imports}; empty where there is none."""
    done, path = set(), []

    def visit(name):
        if name in path:
            return [*path[path.index(name) :], name]
        if name in done:
            return []
        path.append(name)
        for other in sorted(graph.get(name, ())):
            if found := visit(other):
                return found
        done.add(path.pop())
        return []

    for name in sorted(graph):
        if found := visit(name):
            return found
    return []


def test_what_a_cycle_is():
    assert cycle_in({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]
    assert cycle_in({"a": {"b", "c"}, "b": {"c"}}) == []


def test_no_cycle_between_files_nor_between_folders():
    files = {module_name(path): set(own_imports(path)) - {module_name(path)} for path in MODULES}
    assert cycle_in(files) == []
    folders = {}
    for name, imported in files.items():
        folder = ([*name.split("."), ""])[1]
        folders.setdefault(folder, set()).update({([*other.split("."), ""])[1] for other in imported} - {folder})
    assert cycle_in(folders) == []


def test_use_cases_never_import_each_other():
    for path in (PACKAGE / "use_cases").glob("*.py"):
        assert not [name for name in imports(path) if name.startswith("mlcli.use_cases")]


def test_only_the_terminal_and_the_command_line_print():
    for path in MODULES:
        if LAYER_OF.get(folder_of(path), 0) < LAYER_OF["terminal"]:
            assert not TERMINAL_LIBRARIES & {name.split(".")[0] for name in imports(path)}, path
            assert "print" not in {name for name, _ in calls(path)}, path


def test_training_never_touches_disk_or_console():
    for path in (PACKAGE / "training").glob("*.py"):
        names = set(imports(path))
        assert not {name for name in names if name.split(".")[0] in {"pathlib", "os", "io"}}, path
        assert not {
            name
            for name in names
            if name.startswith(("mlcli.io.atomic", "mlcli.io.disk", "mlcli.runs", "mlcli.terminal"))
        }, path


def test_nothing_that_is_read_can_run_code():
    for path in MODULES:
        used = UNSAFE_MODULES & {name.split(".")[0] for name in imports(path)}
        assert used <= ({"subprocess"} if path == PACKAGE / ENTITLED_TO_PROGRAMS else set()), path
        for name, node in calls(path):
            assert name not in UNSAFE_CALLS, (path, name)
            assert not name.startswith(UNSAFE_STARTS), (path, name)
            given = {keyword.arg: keyword.value for keyword in node.keywords}
            if "allow_pickle" in given or name in ("np.load", "numpy.load", "np.lib.format.read_array"):
                allows = given.get("allow_pickle")
                assert isinstance(allows, ast.Constant), (path, name)
                assert allows.value is False, (path, name)
            if name.startswith("yaml.") and "Loader" in given:
                assert (path.name, name, ast.unparse(given["Loader"])) == ("yaml.py", "yaml.parse", "_Loader")


def test_the_one_program_that_is_started_is_this_one():
    started = [node for name, node in calls(PACKAGE / ENTITLED_TO_PROGRAMS) if name.startswith("subprocess.")]
    assert [ast.unparse(node.func) for node in started] == ["subprocess.Popen"]
    (command,) = [ast.unparse(node.args[0].func) for node in started]
    (made,) = [
        node.value.elts
        for function in nodes(PACKAGE / ENTITLED_TO_PROGRAMS)
        if isinstance(function, ast.FunctionDef) and function.name == command
        for node in ast.walk(function)
        if isinstance(node, ast.Return)
    ]
    assert list(map(ast.unparse, made[:4])) == ["sys.executable", "'-P'", "'-m'", "'mlcli'"]


def test_code_is_imported_by_names_that_are_written_in_the_code():
    """What is read from a file can name no module."""
    for path in MODULES:
        for name, node in calls(path):
            if name.split(".")[-1] == "import_module":
                named = [isinstance(one, ast.Constant) or ast.unparse(one) == "NAME" for one in node.args]  # a constant
                assert all(named), path


def test_one_folder_knows_of_servers():
    """The packages of an extra, which nothing else may need."""
    for path in MODULES:
        used = {name.split(".")[0] for name in imports(path)} & {"uvicorn", "starlette", "httptools", "uvloop"}
        assert not used or folder_of(path) == "serve", (path, used)


def test_one_module_knows_the_network():
    for path in MODULES:
        used = {name for name in imports(path) if name.split(".")[0] in NETWORK_MODULES} - HARMLESS
        assert not used or path == PACKAGE / ENTITLED_TO_NETWORK, (path, used)
        asked = {name for name, node in calls(path) if name.startswith("socket.") and not stays_on_this_machine(node)}
        own = {"socket.create_server"} if path == PACKAGE / ENTITLED_TO_NETWORK else set()
        assert asked <= {"socket.gethostname"} | own, (path, asked)


def stays_on_this_machine(call):
    return ast.unparse(call) == "socket.socket(socket.AF_UNIX)"


# What not every system has, or does alike.
ENTITLED_TO_ASK_THE_SYSTEM = "io/platform.py"
SYSTEM_MODULES = {"fcntl", "termios", "tty", "pty", "resource", "select", "msvcrt", "winreg", "_winapi", "grp", "pwd"}
SYSTEM_NAMES = {
    *("sys.platform", "os.name", "os.uname", "os.kill", "os.killpg", "os.getppid", "os.getpgrp"),
    *("os.pread", "os.pwrite", "os.fsync", "os.sched_getaffinity", "os.getuid", "os.geteuid", "os.tcgetpgrp"),
    *("os.setsid", "os.chmod", "os.chown", "os.mkfifo", "os.sysconf", "os.statvfs", "os.getloadavg", "time.tzset"),
    *("signal.SIGPIPE", "signal.SIGHUP", "signal.SIGTSTP", "signal.SIGCONT", "signal.SIGKILL", "signal.SIGALRM"),
    *("os.O_NOFOLLOW", "os.O_DIRECTORY", "os.O_NONBLOCK", "os.O_BINARY", "os.O_CLOEXEC", "os.O_SYNC"),
    *("signal.SIGUSR1", "signal.SIGWINCH", "signal.alarm", "signal.pause", "signal.setitimer"),
}


def system_questions(path):
    """What a module asks or wants of the system, by name."""
    yield from SYSTEM_MODULES & {name.split(".")[0] for name in imports(path)}
    for node in nodes(path):
        name = ast.unparse(node) if isinstance(node, ast.Attribute) else ""
        if name in SYSTEM_NAMES:
            yield name
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("hasattr", "getattr"):
            yield from [ast.unparse(node)] if ast.unparse(node.args[0]) in ("os", "sys", "signal", "time") else []


def test_one_module_knows_how_systems_differ():
    asked = {str(path.relative_to(PACKAGE)): set(system_questions(path)) for path in MODULES}
    assert len(asked.pop(ENTITLED_TO_ASK_THE_SYSTEM)) > 10
    assert {name: found for name, found in asked.items() if found} == {}


# A bug's traceback goes to a temporary file, wherever the disk of the run stands.
WRITES_BY_ITSELF = {("cli/session.py", "tempfile.NamedTemporaryFile")}
WRITERS = {
    *("write_text", "write_bytes", "touch", "mkdir", "makedirs", "rmdir", "unlink", "remove", "rename", "rmtree"),
    *("hardlink_to", "symlink_to", "chmod", "truncate", "ftruncate", "pwrite", "copyfile", "copytree", "save_file"),
    *("NamedTemporaryFile", "mkstemp", "mkdtemp", "memmap", "open_memmap", "tofile"),
}
# Names of harmless methods, too: these write when they are called on these, or given a path.
SOMETIMES = {"os.open", "os.write", "os.replace", "shutil.copy", "shutil.move", "np.save", "np.savez"}


def opens_to_write(node):
    """open(path, "w"), path.open("ab"), gzip.open(path, "xt"): any mode among the arguments that is not a read."""
    given = [*node.args, *(keyword.value for keyword in node.keywords if keyword.arg == "mode")]
    texts = [value.value for value in given if isinstance(value, ast.Constant) and isinstance(value.value, str)]
    return any(set(text) <= set("rwxabt+") and set(text) & set("wxa+") for text in texts)


def writes(calls):
    """Those of (name, call) that change the disk, by name."""
    for name, node in calls:
        method = name.rpartition(".")[2]
        if ast.unparse(node).startswith("os.open(os.devnull"):
            continue
        if name in SOMETIMES or (method == "open" and opens_to_write(node)):
            yield name
        elif method == "replace" and len(node.args) == 1 and not node.keywords and not name.startswith("pl."):
            yield name  # of a path: a text's takes two, that of dataclasses takes keywords
        elif method in WRITERS and not name.startswith("disk.") and not is_column_rename(node, method):
            yield name


def is_column_rename(node, method):
    """A table's or a column's rename is given a dictionary, a comprehension or a text."""
    kinds = (ast.Dict, ast.DictComp, ast.Constant)
    return method == "rename" and len(node.args) == 1 and isinstance(node.args[0], kinds)


@pytest.mark.parametrize(
    ("code", "caught"),
    [
        ("open(path, 'w')", True),
        ("open(path)", False),
        ("path.open('xb')", True),
        ("path.open('rb')", False),
        ("path.open(mode='a')", True),
        ("gzip.open(path, 'rt', encoding='ascii')", False),
        ("path.write_text('')", True),
        ("path.replace(other)", True),
        ("text.replace('a', 'b')", False),
        ("replace(record, epoch=1)", False),
        ("path.rename(other)", True),
        ("frame.rename({'a': 'b'})", False),
        ("os.open(path, os.O_RDONLY)", True),
        ("os.open(os.devnull, os.O_WRONLY)", False),
        ("disk.mkdir(path)", False),
        ("path.parent.mkdir()", True),
    ],
)
def test_what_counts_as_writing(code, caught):
    assert (
        bool(
            list(
                writes(
                    (ast.unparse(node.func), node) for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call)
                )
            )
        )
        is caught
    )


def test_the_disk_is_changed_through_one_seam_alone():
    for path in MODULES:
        name = str(path.relative_to(PACKAGE))
        if name != "io/disk.py":
            found = {(name, call) for call in writes(calls(path))}
            assert found <= WRITES_BY_ITSELF, f"{name} changes the disk by itself; mlcli/io has what it needs"


def test_the_picture_of_the_architecture_is_up_to_date():
    assert (ROOT / "docs/pictures/architecture.svg").read_text() == draw_architecture(purposes())


def test_the_page_on_the_architecture_names_files_that_exist():
    named = re.findall(r"`(mlcli/[\w/.]+)`", PAGE.read_text())
    assert named
    assert [path for path in named if not (ROOT / path).exists()] == []
