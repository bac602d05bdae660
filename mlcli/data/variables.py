"""${NAME} in an address, so that passwords stay out of the file."""

import os
import re
from urllib.parse import quote

from mlcli.errors import MlcliError

VARIABLE = re.compile(r"\$\{(\w+)\}")


def fill_variables(template: str, key: str, error: type[MlcliError], *, encoded: bool) -> str:
    """The template with environment variables filled in; raises `error` for one that is not set.

    encoded : percent-encode their values, as URLs want names and passwords
    """

    def value(match: re.Match[str]) -> str:
        name = match.group(1)
        if name not in os.environ:
            raise error(f"{key}: environment variable {name} is not set; export it, or write its value")
        return quote(os.environ[name], safe="") if encoded else os.environ[name]

    return VARIABLE.sub(value, template)
