"""Write the pages that come from the program: python -m docs.generate. With --gallery [NAME …] also take the pictures.

Those are of every config, or of those named, trained, and of a game. All take half an hour; data that cannot be had is
looked for in the folder MLCLI_DATA_DIR.
"""

import sys

from docs.generate.architecture import draw_architecture
from docs.generate.commands import commands_page
from docs.generate.completion import completion_table
from docs.generate.gallery import write_gallery
from docs.generate.keys import keys_page
from docs.generate.layers import purposes
from docs.generate.llms import llms_text
from docs.generate.places import DOCS
from docs.generate.play import picture_game
from docs.generate.terminal import draw_terminal
from mlcli.config.tree import KEY_TABLE

if __name__ == "__main__":
    (DOCS / "commands.md").write_text(commands_page())
    (DOCS / "keys.md").write_text(keys_page())
    (DOCS / "llms.txt").write_text(llms_text(), encoding="utf-8")
    KEY_TABLE.write_text(completion_table(), encoding="utf-8")
    (DOCS / "pictures" / "architecture.svg").write_text(draw_architecture(purposes()))
    if sys.argv[1:2] == ["--gallery"]:
        write_gallery(sys.argv[2:])
        picture_game(DOCS / "pictures" / "play.svg")
        draw_terminal()
