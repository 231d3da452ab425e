"""The command ``fraud-native docs``."""

from typing import Annotated

import typer

from fraud_native.launcher import Launcher
from fraud_native.paths import ROOT


def docs(
    context: typer.Context,
    build_only: Annotated[bool, typer.Option("--build-only", help="write the pages and end")] = False,
) -> None:
    """Builds the documentation of the data and serves it on DOCS_PORT until Ctrl-C."""
    from fraud_native.documentation.dbt_docs import DbtError, write_dbt_docs
    from fraud_native.documentation.server import check_port, serve
    from fraud_native.documentation.site import write_index, write_pages

    launcher: Launcher = context.obj
    variables = launcher.env()
    port = int(variables["DOCS_PORT"])
    folder = launcher.stack.data("docs")
    if not build_only:
        # before a minute's work, not after it
        check_port(port)
    try:
        pages = write_pages(ROOT / "docs", folder / "site")
        remark = write_dbt_docs(variables, folder)
        write_index(pages, folder / "site")
        if remark:
            typer.echo(remark)
        if build_only:
            typer.echo(f"the pages are in {folder / 'site'}")
        else:
            serve(folder / "site", port, typer.echo)
    except DbtError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    except KeyboardInterrupt:
        typer.echo("\nstopped")
