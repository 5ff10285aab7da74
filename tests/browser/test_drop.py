"""Files dropped anywhere on the page."""

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Browser, Page, Route, expect

from tests.browser.conftest import Server, wait_until_over
from tests.support.fakes import picture

Open = Callable[..., Page]
CARRIED = """async files => {
  const carried = new DataTransfer();
  for (const [name, bytes] of files) {
    carried.items.add(new File([new Uint8Array(bytes)], name, {type: "image/png"}));
  }
  return carried;
}"""


def test_files_dropped_on_the_answer_are_taken_and_ranked(server: Server, open_tab: Open) -> None:
    tab = open_tab(server)
    tab.locator(".st-key-way button").nth(2).click()
    expect(tab.locator(".st-key-path")).to_be_visible()
    tab.locator(".veil").wait_for(state="attached")
    files = [(f"{n}.png", list(picture("red", (40, 30), seed=n))) for n in range(3)]
    carried = tab.evaluate_handle(CARRIED, files)
    main = tab.locator(".ly-hero")
    main.dispatch_event("dragenter", {"dataTransfer": carried})
    target = tab.locator(".veil")
    expect(target).to_have_text("Drop images or folders here")
    expect(target).to_be_in_viewport()
    box = tab.locator(".veil").bounding_box()
    assert box
    assert box["width"] > 1200  # over all of the page
    main.dispatch_event("drop", {"dataTransfer": carried})
    expect(target).to_be_hidden()
    expect(tab.get_by_text("3 images ready").first).to_be_visible()
    expect(tab.locator(".pile li")).to_have_count(3)
    expect(tab.locator(".ly-scenes")).to_have_count(0)
    tab.locator(".st-key-query textarea").fill("red")
    tab.locator(".st-key-rank button").click()
    wait_until_over(tab, 3)


def test_a_text_that_is_dragged_is_none_of_ours(server: Server, open_tab: Open) -> None:
    tab = open_tab(server)
    carried = tab.evaluate_handle(
        "() => { const d = new DataTransfer(); d.setData('text/plain', 'x'); return d; }"
    )
    tab.locator(".ly-hero").dispatch_event("dragenter", {"dataTransfer": carried})
    expect(tab.locator(".veil")).to_be_hidden()


def test_a_folder_is_dropped_as_a_walk_would_find_it(server: Server, open_tab: Open, tmp_path: Path) -> None:
    """A real drag of a real folder: the browser's own entries, a hundred at a time."""
    folder = tmp_path / "trip"
    pictures = [
        "img10.png",
        "img2.png",
        "a/1.png",
        "b/1.png",
        "no-suffix",
        *(f"many/{n}.png" for n in range(130)),
    ]
    left_out = ["._img2.png", ".DS_Store", "img2.xmp", "lonely.xmp", "notes.txt", ".hidden/x.png"]
    left_out += ["@eaDir/img2.png/THUMB_S.jpg", "@eaDir/img2.png/THUMB_M.jpg", "#recycle/old.png"]
    for number, name in enumerate([*pictures, *left_out]):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(
            b"notes" if path.suffix in {".txt", ".xmp"} else picture("red", (40, 30), seed=number)
        )
    tab = open_tab(server)
    tab.locator(".veil").wait_for(state="attached")
    drag(tab, folder)
    expect(tab.get_by_text("135 images ready").first).to_be_visible()
    told = tab.get_by_text("Left out:")
    for part in ("2 thumbnails of a NAS", "1 deleted file", "2 files of the system", "1 hidden file"):
        expect(told).to_contain_text(part)
    names = [tile.get_attribute("title") for tile in tab.locator(".pile li").all()]
    first = ["trip/a/1.png", "trip/b/1.png", "trip/img2.png", "trip/img10.png", "trip/many/0.png"]
    assert names[:5] == first
    assert names[-2:] == ["trip/many/129.png", "trip/no-suffix"]


def drag(tab: Page, *paths: Path) -> None:
    """As a file manager would."""
    mouse = tab.context.new_cdp_session(tab)
    data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        mouse.send("Input.dispatchDragEvent", {"type": kind, "x": 700, "y": 400, "data": data})


def test_what_is_added_is_told_as_it_goes_and_a_refusal_leaves_what_came_before_it(
    server: Server, browser: Browser, tmp_path: Path
) -> None:
    """In a tab that nobody watches: the browser itself complains of an answer that is an error."""
    for number in range(501):
        (tmp_path / f"{number:03}.png").write_bytes(picture("red", (8, 6), seed=number))
    tab = browser.new_page(locale="en-US")
    held: list[Route] = []
    tab.route("**/lychee/add/**", lambda route: held.append(route))  # noqa: PLW0108 - it marks what it is given
    tab.goto(f"{server.address}/?lang=en")
    field = tab.locator(".st-key-add-files input[type=file]")
    field.set_input_files(sorted(tmp_path.iterdir()))
    bar = tab.locator(".adding")
    expect(bar.get_by_role("status")).to_have_text("Adding files: 0 of 501")
    _next(tab, held).continue_()
    expect(bar).to_contain_text("500 of 501")
    _next(tab, held).fulfill(status=503, json={"message": "The disk is full."})
    expect(tab.get_by_role("alert")).to_have_text("Added: 500 of 501. Then it ended: The disk is full.")
    expect(tab.get_by_role("heading", name="500 images ready")).to_be_visible()
    expect(bar).to_be_hidden()
    tab.close()


def test_what_is_under_way_can_be_cancelled_and_what_arrived_stays(
    server: Server, open_tab: Open, tmp_path: Path
) -> None:
    for number in range(501):
        (tmp_path / f"{number:03}.png").write_bytes(picture("red", (8, 6), seed=number))
    tab = open_tab(server)
    held: list[Route] = []
    tab.route("**/lychee/add/**", lambda route: held.append(route))  # noqa: PLW0108 - it marks what it is given
    field = tab.locator(".st-key-add-files input[type=file]")
    field.set_input_files(sorted(tmp_path.iterdir()))
    _next(tab, held).continue_()
    expect(tab.locator(".adding")).to_contain_text("500 of 501")
    field.set_input_files(sorted(tmp_path.iterdir())[:3])  # it waits behind the others
    tab.locator(".adding button").click()
    expect(tab.locator(".adding")).to_be_hidden()
    expect(tab.get_by_text("Cancelled. What had arrived by then stays.")).to_be_visible()
    expect(tab.get_by_role("heading", name="500 images ready")).to_be_visible()
    tab.unroute("**/lychee/add/**")
    field.set_input_files(tmp_path / "500.png")
    expect(tab.get_by_role("heading", name="501 images ready")).to_be_visible()


def test_a_file_that_is_no_image_is_told_as_soon_as_it_is_chosen(
    server: Server, open_tab: Open, tmp_path: Path
) -> None:
    (tmp_path / "notes.txt").write_text("Milk, bread.")
    (tmp_path / "a.png").write_bytes(picture("red", (8, 6)))
    tab = open_tab(server)
    field = tab.locator(".st-key-add-files input[type=file]")
    field.set_input_files([tmp_path / "notes.txt", tmp_path / "a.png"])
    expect(tab.get_by_role("heading", name="1 image ready")).to_be_visible()
    expect(tab.get_by_text("Not added: notes.txt. This is not an image")).to_be_visible()
    field.set_input_files([tmp_path / "notes.txt"])
    expect(tab.get_by_role("heading", name="1 image ready")).to_be_visible()
    expect(tab.get_by_text("Not added: notes.txt. This is not an image")).to_be_visible()


def test_what_the_browser_cannot_read_is_counted_and_stops_nothing(
    server: Server, browser: Browser, tmp_path: Path
) -> None:
    """A folder that is closed, as the browser tells it; a file that went away before it was sent. In a tab
    that nobody watches: the browser itself complains of what it could not send."""
    folder = tmp_path / "trip"
    for number, name in enumerate(["a.png", "sub/b.png", "closed/c.png", "@eaDir/d.png", "gone.png"]):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(picture("red", (8, 6), seed=number))
    tab = browser.new_page(locale="en-US")
    tab.add_init_script("""
      const getAsEntry = DataTransferItem.prototype.webkitGetAsEntry;
      DataTransferItem.prototype.webkitGetAsEntry = function () {
        const entry = getAsEntry.call(this), kind = Object.getPrototypeOf(entry), real = kind.createReader;
        kind.createReader = function () {
          const shut = { readEntries: (_, refuse) => refuse(new DOMException("shut", "NotReadableError")) };
          return ["closed", "@eaDir"].includes(this.name) ? shut : real.call(this);
        };
        return entry;
      };
    """)
    held: list[Route] = []
    tab.route("**/lychee/choose*", lambda route: held.append(route))  # noqa: PLW0108 - it marks what it is given
    tab.goto(f"{server.address}/?lang=en")
    tab.locator(".veil").wait_for(state="attached")
    drag(tab, folder)
    asked = _next(tab, held)
    (folder / "gone.png").unlink()
    asked.continue_()
    expect(tab.get_by_role("heading", name="2 images ready")).to_be_visible()
    expect(tab.get_by_text("Left out:")).to_contain_text("3 files or folders that cannot be read")
    expect(tab.get_by_role("alert")).to_have_count(0)
    tab.close()


def _next(tab: Page, held: list[Route]) -> Route:
    while not held:
        tab.wait_for_timeout(20)
    return held.pop()
