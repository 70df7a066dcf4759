"""The page of a run in a browser."""

import base64

import browser
import pytest

# The contrast of each text with what is behind it, by WCAG 2.2, as the browser paints it.
CONTRASTS = """
(() => {
  const parse = c => (c.match(/[\\d.]+/g) || []).map(Number);
  const light = c => { const [r, g, b] = parse(c).map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const ground = e => { for (; e; e = e.parentElement) {
    const c = getComputedStyle(e).backgroundColor;
    if (parse(c).length < 4) return c; } return 'rgb(255, 255, 255)'; };
  const found = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const e = walk.currentNode.parentElement;
    if (!walk.currentNode.textContent.trim() || ['title', 'desc'].includes(e.tagName)) continue;
    const style = getComputedStyle(e);
    const ink = e instanceof SVGElement ? style.fill : style.color;
    const [a, b] = [light(ink), light(ground(e))].sort((x, y) => x - y);
    found.push([(b + 0.05) / (a + 0.05), e.tagName + ' ' + e.className, ink, ground(e)]);
  }
  return found;
})()
"""


@pytest.fixture(scope="module")
def tab(tmp_path_factory):
    program = browser.find()
    if program is None:
        pytest.skip("no browser: install chromium, or name one with TEXTCLF_TEST_BROWSER")
    made = browser.Browser(program, tmp_path_factory.mktemp("profile"))
    yield made
    made.close()


@pytest.fixture(scope="module", params=["one run", "two runs"])
def address(models, textclf, tmp_path_factory, request):
    if request.param == "one run":
        return (models / "sample" / "current" / "report.html").resolve().as_uri()
    page = tmp_path_factory.mktemp("both") / "both.html"
    result = textclf("report", "sample", "sample", "--models-dir", models, "-o", page)
    assert result.returncode == 0, result.stderr
    return page.as_uri()


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1280, 390])
def test_it_says_nothing_on_the_console_and_asks_for_nothing(tab, address, width, dark):
    tab.emulate(width, dark)
    tab.open(address)
    assert tab.said == []
    assert tab.requests == [address]


@pytest.mark.parametrize("width", [1280, 390, 320])
def test_it_is_as_wide_as_the_screen(tab, address, width):
    tab.emulate(width)
    tab.open(address)
    assert tab.evaluate("innerWidth") == width
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    size = "parseFloat(getComputedStyle(document.querySelector('p.note')).fontSize)"
    assert tab.evaluate(size) >= 14


@pytest.mark.parametrize(("dark", "medium"), [(False, "screen"), (True, "screen"), (True, "print")])
def test_every_text_stands_out_from_what_is_behind_it(tab, address, dark, medium):
    tab.emulate(1280, dark, medium)
    tab.open(address)
    ground = tab.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (ground != "rgb(255, 255, 255)") == (dark and medium == "screen")
    found = tab.evaluate(CONTRASTS)
    assert len(found) > 100
    assert min(found)[0] >= 4.5, min(found)


def test_it_prints(tab, address):
    tab.emulate(1280, True)
    tab.open(address)
    page = base64.b64decode(tab.call("Page.printToPDF", printBackground=False)["data"])
    assert page.startswith(b"%PDF")
    assert 1 <= page.count(b"/Type /Page\n") <= 12


def test_what_slips_in_is_stopped_by_the_policy(tab, address, models, tmp_path):
    html = (models / "sample" / "current" / "report.html").read_text("utf-8")
    slipped = "<script>document.title = 'obeyed'</script><img src='http://127.0.0.1:9/x.png'>"
    page = tmp_path / "page.html"
    html = html.replace("</main>", f"{slipped}</main>")
    page.write_text(html, "utf-8")
    tab.open(page.as_uri())
    assert tab.evaluate("document.title") != "obeyed"
    assert len([line for line in tab.said if "Content Security Policy" in line]) == 2
    page.write_text(html.replace("Content-Security-Policy", "nothing"), "utf-8")
    tab.open(page.as_uri())  # without it, all of this is seen
    assert tab.evaluate("document.title") == "obeyed"
    assert "http://127.0.0.1:9/x.png" in tab.requests
    assert tab.said


def test_the_sections_can_be_reached_with_the_keyboard(tab, address):
    tab.emulate(1280)
    tab.open(address)
    for kind in ("rawKeyDown", "keyUp"):
        tab.call("Input.dispatchKeyEvent", type=kind, key="Tab", windowsVirtualKeyCode=9)
    assert tab.evaluate("document.activeElement.className") == "skip"
    assert tab.evaluate("document.activeElement.getBoundingClientRect().left") >= 0
