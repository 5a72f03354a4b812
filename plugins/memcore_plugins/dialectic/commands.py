import click


@click.command("patterns")
def patterns() -> None:
    """X."""
