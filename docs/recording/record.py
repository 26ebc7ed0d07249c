#!/usr/bin/env python3
"""Records docs/watch.svg: the example project under `assetbuild --watch`, as an animated SVG.

    pip install pyte
    python3 docs/recording/record.py target/release/assetbuild docs/watch.svg

ASSETBUILD_BINARY may name the program instead of the first argument. Two real shells run in the two
panes of one window: the upper one edits files, the lower one runs the watch. What they write is shown
as it came and when it came: nothing is cut, sped up or retouched. What is bought is bought from
`assetbuild simulator`, and all of it happens in a temporary folder. Needs Linux, bash and GNU sed.
"""

import fcntl
import os
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
from html import escape
from itertools import groupby
from operator import attrgetter
from pathlib import Path

import pyte

ROOT = Path(__file__).resolve().parents[2]
PROJECT = ["Assetfile.yaml", "assetbuild.lock", "style.md", "specs", "art", "assets"]
SPEC = """cat > specs/boss.yaml <<END
id: king-slime
prompt: { base: "King slime with a tilted gold crown", parameters: { quality: low } }
generation: { type: image, provider: openai }
END"""

# The window, in cells and then in pixels.
SHELL, WATCH = 0, 1
COLUMNS, SHELL_LINES, WATCH_LINES = 100, 6, 15
ALL_LINES = SHELL_LINES + WATCH_LINES
CELL, LINE, PAD, BAR = 8.4, 18, 14, 28
SPLIT = BAR + SHELL_LINES * LINE + 18
WIDTH, HEIGHT = COLUMNS * CELL + 2 * PAD, SPLIT + BAR + WATCH_LINES * LINE + 22
FONT = "ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono','Liberation Mono',monospace"

BACKGROUND, BORDER, TEXT, MUTED = "#1b1d2b", "#262a3d", "#d5daf0", "#8d94b3"
NAMES = ["black", "red", "green", "brown", "blue", "magenta", "cyan", "white"]
PLAIN = ["#5a6080", "#ff7a90", "#a5db72", "#ffcf6b", "#82aaff", "#d49bf5", "#7fdbe6", TEXT]
BRIGHT = [MUTED, "#ff9eae", "#c3f09a", "#ffe09c", "#a8c5ff", "#e6bfff", "#aeeef5", "#ffffff"]
PALETTE = dict(zip(NAMES + ["bright" + name for name in NAMES] + ["default"], PLAIN + BRIGHT + [TEXT]))
STYLE = attrgetter("fg", "bold", "blink", "underscore")
KEY_STYLE = ("brightbrown", True, False, False)


class Screen(pyte.Screen):
    """A terminal that knows dim letters too: pyte leaves them out, so its "blink" stands for them."""

    def select_graphic_rendition(self, *codes, **private):
        if codes != (2,):
            super().select_graphic_rendition(*codes, **private)
        if codes == (2,) or 22 in codes:
            self.cursor.attrs = self.cursor.attrs._replace(blink=22 not in codes)


class Pane:
    """A shell in a terminal of its own."""

    def __init__(self, lines, folder, environment):
        self.screen = Screen(COLUMNS, lines)
        self.stream = pyte.ByteStream(self.screen)
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            os.execvpe("bash", ["bash", "--norc", "--noprofile"], environment)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", lines, COLUMNS, 0, 0))

    def rows(self):
        """Every line as its letters: (column, letter, style) each; assetbuild colors no background."""
        for line in range(self.screen.lines):
            cells = [(at, self.screen.buffer[line][at]) for at in range(COLUMNS)]
            yield tuple((at, cell.data, STYLE(cell)) for at, cell in cells if cell.data != " " or cell.underscore)

    def close(self):
        os.kill(self.pid, signal.SIGHUP)
        os.close(self.fd)
        os.waitpid(self.pid, 0)


class Recording:
    """What the window showed, and since when: (second, lines, cursor) each."""

    def __init__(self, shell, watch):
        self.panes, self.active, self.key = [shell, watch], 0, ()
        self.frames, self.start, self.still = [], time.monotonic(), 0

    def now(self):
        return time.monotonic() - self.start

    def look(self):
        """Adds a frame if anything differs from the last one."""
        rows = [row for pane in self.panes for row in pane.rows()] + [self.key]
        cursor = self.panes[self.active].screen.cursor
        frame = (rows, (cursor.x, cursor.y + (SHELL_LINES if self.active == WATCH else 0)))
        if not self.frames or self.frames[-1][1:] != frame:
            self.frames.append((self.now(), *frame))

    def listen(self, seconds, is_enough=lambda: False):
        """Takes in what is written until it is enough or the time is over; whether it was enough."""
        end = time.monotonic() + seconds
        while not is_enough():
            rest = end - time.monotonic()
            if rest <= 0:
                return False
            # What comes within half a refresh of a monitor is seen at once.
            while came := select.select([pane.fd for pane in self.panes], [], [], rest)[0]:
                for pane in self.panes:
                    if pane.fd in came:
                        pane.stream.feed(os.read(pane.fd, 65536))
                rest = 0.008
            self.look()
        return True

    def wait(self, pane, pattern):
        """Waits until a pane shows something."""
        text = lambda: "\n".join(pane.screen.display)  # noqa: E731
        if not self.listen(30, lambda: re.search(pattern, text(), re.MULTILINE)):
            raise SystemExit(f"never seen: {pattern}\n{text()}")

    def do(self, name, keys, pattern, pause):
        """Presses keys, tells how long it takes until the watch shows it, and waits for the viewer."""
        begun = self.now()
        os.write(self.panes[self.active].fd, keys.encode())
        self.wait(self.panes[WATCH], pattern)
        print(f"{name:12}{1000 * (self.now() - begun):5.0f} ms")
        self.listen(pause)

    def type(self, name, pane, command, pattern, pause):
        """Types a command into a shell, a few letters at a time."""
        self.active = pane
        for part in re.findall(r".{1,3}|\n", command):
            os.write(self.panes[pane].fd, part.encode())
            self.listen(0.3 if part == "\n" else 0.055)
        self.do(name, "\n", pattern, pause)

    def press(self, name, key, pattern, pause):
        """Presses a key of the watch; no terminal shows that, so the border of the pane does."""
        label = enumerate(f"key: {key}", COLUMNS - 6)
        self.active, self.key = WATCH, tuple((at, letter, KEY_STYLE) for at, letter in label)
        self.look()
        self.listen(0.6)
        self.key = ()
        self.do(name, key, pattern, pause)


def play(record):
    """The scenes."""
    for pane in record.panes:
        record.wait(pane, r"^\$ ")
    record.type("start", WATCH, "assetbuild --watch", "p plan", 1.5)
    edits = [
        ("a color", "s/#ffc83d/#f5b700/", "specs/collectibles.yaml", r"key-gold.*\n.* published in", 2.2),
        ("a drawing", 's/rx="18"/rx="12"/', "art/ui/button.svg", "built 7 of", 2.5),
        ("a mistake", "s/sapphire/saphire/", "specs/collectibles.yaml", "did you mean `sapphire`", 3.5),
        ("mended", "s/saphire/sapphire/", "specs/collectibles.yaml", r"\A(?![\s\S]*did you mean)", 1.8),
    ]
    for name, edit, file, pattern, pause in edits:
        record.type(name, SHELL, f"sed -i '{edit}' {file}", pattern, pause)
    record.type("a price", SHELL, SPEC, "y buy it", 0.5)
    record.still = record.now()
    record.listen(2.3)
    record.press("bought", "y", r"built +king-slime", 3.0)
    record.press("ended", "q", r"^\$ ", 1.8)
    return record


def pieces(frames, end):
    """What stands unchanged for a while: (line, begin, end, letters) each.

    A line that only grows keeps the pieces it has, so what is typed costs no more than its letters."""
    blank = [()] * (ALL_LINES + 1)
    shown, standing, found = blank, {}, []
    for now, rows, _ in [*frames, (end, blank, None)]:
        for line, (before, row) in enumerate(zip(shown, rows)):
            if row == before:
                continue
            has_grown = row[: len(before)] == before
            if not has_grown:
                found += [(line, begun, now, part) for begun, part in standing.pop(line, [])]
            standing.setdefault(line, []).append((now, row[len(before) if has_grown else 0 :]))
        shown = rows
    return sorted(piece for piece in found if piece[3])


def place(column, line):
    """Where a cell is; the line after all others is the border between the panes."""
    below = BAR + 9 if line < SHELL_LINES else SPLIT + BAR + 9 - SHELL_LINES * LINE
    return round(PAD + column * CELL, 1), SPLIT + 5 if line == ALL_LINES else below + line * LINE


def texts(line, part, attributes):
    """Letters as SVG, a text for each style, on the terminal's grid whatever the font."""
    for (color, is_bold, is_dim, is_underlined), group in groupby(part, lambda letter: letter[2]):
        by_column = {column: letter for column, letter, _ in group}
        words = "".join(by_column.get(column, " ") for column in range(min(by_column), max(by_column) + 1))
        x, y = place(min(by_column), line)
        marks = f' x="{x:g}" y="{y + 13.5:g}"'
        marks += f' textLength="{len(words) * CELL:.1f}"' * (len(words) > 1)
        marks += f' fill="{PALETTE.get(color, "#" + color)}"' * (color != "default")
        marks += ' font-weight="bold"' * is_bold + ' opacity=".62"' * is_dim
        marks += ' text-decoration="underline"' * is_underlined
        yield f"<text{marks}{attributes}>{escape(words, quote=False)}</text>"


def keyframes(name, states):
    """An animation of (share, property, value); nothing is in between."""
    steps = "".join(f"{100 * share:.3f}%{{{key}:{value}}}" for share, key, value in states)
    return f"@keyframes {name}{{{steps}}}"


def draw(record):
    """The recording as an SVG that needs nothing beside it: no script, no font, no style sheet.

    Without animation, it is the picture at `record.still`."""
    end, names, body, moves = record.now(), {}, [], []
    for line, begun, ended, part in pieces(record.frames, end):
        name = names.setdefault((begun / end, ended / end), f"t{len(names)}")
        hidden = "" if begun <= record.still < ended else ' visibility="hidden"'
        body += texts(line, part, f'{hidden} style="animation-name:{name}"')
    rules, cursor = [], None
    for (begun, ended), name in names.items():
        shown = [(0, "hidden"), (begun, "visible"), (ended, "hidden")]
        rules.append(keyframes(name, [(share, "visibility", value) for share, value in shown]))
    for now, _, (column, line) in record.frames:
        moves.append((now / end, "transform", "translate({:g}px,{:g}px)".format(*place(column, line))))
        cursor = place(column, line) if now <= record.still else cursor
    rules.append(keyframes("cursor", moves))
    rules, body = "\n".join(rules), "\n".join(body)
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH:g} {HEIGHT}" \
width="{WIDTH:g}" height="{HEIGHT}" xml:space="preserve" font-family="{FONT}" font-size="14" fill="{TEXT}">
<title>assetbuild --watch: what is saved is built, mistakes are shown, paid work waits for a key</title>
<style>
text{{white-space:pre}}
.a *{{animation:{end:.2f}s step-end infinite}}
@media (prefers-reduced-motion:reduce){{.a *{{animation:none!important}}}}
{rules}
</style>
<rect width="{WIDTH:g}" height="{HEIGHT}" rx="10" fill="{BACKGROUND}"/>
<path d="M0 {BAR}V10A10 10 0 0 1 10 0H{WIDTH - 10:g}A10 10 0 0 1 {WIDTH:g} 10V{BAR}Z" fill="{BORDER}"/>
<rect y="{SPLIT}" width="{WIDTH:g}" height="{BAR}" fill="{BORDER}"/>
<g fill="{MUTED}" font-size="12"><text x="{PAD}" y="19">shell</text><text x="{PAD}" y="{SPLIT + 19}">watch</text></g>
<g class="a">
<rect width="{CELL}" height="{LINE - 1}" opacity=".45" transform="translate{cursor}" style="animation-name:cursor"/>
{body}
</g>
</svg>
"""


def record_in(folder, binary):
    """Makes the project in an empty folder, builds it, and records the scenes."""
    project, tools = folder / "coin-run", folder / "tools"
    for made in (project, tools):
        made.mkdir()
    (tools / "assetbuild").symlink_to(binary)
    for name in PROJECT:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy2
        copy(ROOT / name, project / name)
    environment = {"PATH": f"{tools}:{os.environ['PATH']}", "HOME": str(folder), "OPENAI_API_KEY": "play-money"}
    environment |= {"LANG": "C.UTF-8", "TERM": "xterm-256color", "PS1": "$ ", "PS2": "", "HISTFILE": ""}
    serve = [binary, "simulator", "--port", "0", "--latency", "900"]
    simulator, panes = subprocess.Popen(serve, stdout=subprocess.PIPE, env=environment, text=True), []
    try:
        url = re.search(r"http://[\w.:]+", simulator.stdout.readline()).group()
        with (project / "Assetfile.yaml").open("a") as assetfile:
            assetfile.write(f'providers: {{ openai: {{ base_url: "{url}/openai/v1" }} }}\n')
        subprocess.run([binary, "--quiet"], cwd=project, env=environment, check=True)
        panes += [Pane(lines, project, environment) for lines in (SHELL_LINES, WATCH_LINES)]
        return play(Recording(*panes))
    finally:
        for pane in panes:
            pane.close()
        simulator.terminate()
        simulator.wait()


def main():
    binary, target = [os.environ.get("ASSETBUILD_BINARY"), *sys.argv[1:]][-2:]
    with tempfile.TemporaryDirectory() as folder:
        record = record_in(Path(folder), Path(binary).resolve())
    Path(target).write_text(draw(record))
    print(f"{target}: {Path(target).stat().st_size // 1000} kB, {record.now():.1f} s, {len(record.frames)} frames")


if __name__ == "__main__":
    main()
