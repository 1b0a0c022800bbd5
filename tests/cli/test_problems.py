from pathlib import Path

from lbs.cli.problems import write

DOCS = Path(__file__).parents[2] / "docs" / "problems"


def test_every_problem_has_its_page_and_the_pages_are_up_to_date(tmp_path: Path):
    write(tmp_path)

    def texts(folder: Path) -> dict[str, str]:
        return {page.name: page.read_text() for page in folder.glob("*.md")}

    assert texts(DOCS) == texts(tmp_path)
