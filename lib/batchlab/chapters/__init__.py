"""What each chapter asks and has its reader write; importing a chapter registers it with `quiz`."""

from . import ch03

__all__ = ["ch03"]
