"""What `tzurot run` does: start the parts in order, watch them, start them again, end them in order."""

from bot.cli.supervisor.system import System, run_system

__all__ = ["System", "run_system"]
