"""What stands in a path."""

from typing import Annotated

from fastapi import Path

PathId = Annotated[str, Path(pattern=r"^[0-9A-Za-z_-]+$", max_length=64)]
