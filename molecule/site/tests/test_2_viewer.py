# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The viewer in a real browser: through the proxy, over verified TLS, after the login, with an image on the screen."""

from __future__ import annotations

import base64
import contextlib
import copy
import datetime
import functools
import io
import os
import random
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Error, Page, Request, TimeoutError, ViewportSize, sync_playwright
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import EncapsulatedPDFStorage, ExplicitVRLittleEndian, SecondaryCaptureImageStorage, generate_uid

from tests.field import cases
from tests.scenarios import site_lab as site

BROWSER = shutil.which("chromium") or "/usr/bin/chromium"
PICTURE = site.REPOSITORY / "docs" / "images" / "viewer.png"
FAILURE = site.STATE / "viewer-failed.png"
WINDOW: ViewportSize = {"width": 1280, "height": 800}
PATIENCE = 120_000
"""Milliseconds for whatever the browser does: it draws without a graphics card, maybe beside other work."""
# Software rendering, because a test machine has no graphics card; names resolve to the lab and to nothing else.
FLAGS = [
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--ignore-gpu-blocklist",
    f"--host-resolver-rules=MAP *.mediverse.test {site.CLOUD_ADDRESS}, MAP * ~NOTFOUND",
]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Chromium that trusts the lab's authority and no other certificate of the lab."""
    home = tmp_path_factory.mktemp("browser")
    database = home / ".pki" / "nssdb"
    database.mkdir(parents=True)
    for command in (["-N", "--empty-password"], ["-A", "-t", "C,,", "-n", "lab", "-i", str(site.AUTHORITY)]):
        subprocess.run(["certutil", "-d", f"sql:{database}", *command], check=True)
    environment: dict[str, str | float | bool] = {
        **os.environ,
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home),
        "XDG_CACHE_HOME": str(home),
    }
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=BROWSER, env=environment, args=FLAGS, timeout=PATIENCE)
        yield started
        started.close()


_pages: list[Page] = []
"""Those that the test of the moment has opened."""
_disturbed: list[str] = []
"""What they asked for in vain because the machine's network changed."""


def undisturbed(test: Callable[..., None]) -> Callable[..., None]:
    """Tries a test again that failed while an interface of the machine came or went, and closes its pages.

    Chromium then lets go of all connections, and a page that was just loading stays empty. Each container that another
    part of the tests starts or stops beside this one is such an interface.
    """

    @functools.wraps(test)
    def run(*arguments: Any, **named: Any) -> None:
        for attempt in range(5):
            _disturbed.clear()
            try:
                return test(*arguments, **named)
            except (Error, AssertionError, pytest.fail.Exception):
                if not _disturbed or attempt == 4:
                    raise
            finally:
                for page in _pages:
                    page.context.close()
                _pages.clear()

    return run


def _failed(page: Page, request: Request) -> None:
    if "ERR_NETWORK_CHANGED" in str(request.failure):
        _disturbed.append(request.url)
        # Whoever waits for something on this page need not wait to the end.
        page.close()


def _page(browser: Browser, login: bool) -> Page:
    credentials = {"username": "viewer", "password": site.secrets()["viewer_login"]} if login else None
    context = browser.new_context(http_credentials=credentials, viewport=WINDOW)  # type: ignore[arg-type]  # a dict of its own kind
    context.set_default_timeout(PATIENCE)
    context.set_default_navigation_timeout(PATIENCE)
    page = context.new_page()
    page.on("requestfailed", lambda request: _failed(page, request))
    _pages.append(page)
    return page


def _greys(browser: Browser, png: bytes) -> list[int]:
    """How many pixels of a picture have each grey value from 0 to 255. The browser itself decodes the picture."""
    page = browser.new_page()
    script = """async (data) => {
        const picture = new Image(); picture.src = 'data:image/png;base64,' + data; await picture.decode();
        const canvas = document.createElement('canvas');
        canvas.width = picture.width; canvas.height = picture.height;
        const context = canvas.getContext('2d'); context.drawImage(picture, 0, 0);
        const bytes = context.getImageData(0, 0, picture.width, picture.height).data;
        const counts = new Array(256).fill(0);
        for (let i = 0; i < bytes.length; i += 4) counts[Math.round((bytes[i] + bytes[i + 1] + bytes[i + 2]) / 3)]++;
        return counts;
    }"""
    counts: list[int] = page.evaluate(script, base64.b64encode(png).decode())
    page.close()
    return counts


def _shows_anatomy(browser: Browser, png: bytes) -> bool:
    """Whether dark, middle and bright greys all fill a fair part of the picture; a blank viewport has one of them."""
    counts = _greys(browser, png)
    total = sum(counts)
    parts = [sum(counts[begin:end]) / total for begin, end in ((0, 64), (64, 192), (192, 256))]
    return parts[0] > 0.05 and parts[1] > 0.05 and parts[2] > 0.002 and sum(1 for count in counts if count > 20) > 40


def _ungreeted(page: Page) -> bool:
    """Closes the tour, which lies over all the rest and darkens it, and the notice, whenever they come."""
    for greeting in ("Skip all", "Confirm and hide"):
        button = page.get_by_text(greeting).first
        if button.is_visible():
            with contextlib.suppress(TimeoutError):
                button.click(timeout=5_000)
            return False
    return True


@undisturbed
def test_a_study_opens_after_the_login(browser: Browser, study: dict[str, Any]) -> None:
    page = _page(browser, login=True)
    failures: list[str] = []
    page.on(
        "response", lambda answer: failures.append(f"{answer.status} {answer.url}") if answer.status >= 500 else None
    )
    page.goto(f"https://{site.VIEWER}/viewer?StudyInstanceUIDs={study['study_instance_uid']}")
    canvas = page.locator("canvas.cornerstone-canvas").first
    canvas.wait_for(state="visible")
    deadline = time.monotonic() + PATIENCE / 1000
    while not (_ungreeted(page) and _shows_anatomy(browser, canvas.screenshot())):
        if time.monotonic() > deadline:
            page.screenshot(path=FAILURE)
            pytest.fail(f"the viewport stays without an image, see {FAILURE.relative_to(site.REPOSITORY)}")
        page.wait_for_timeout(500)
    page.wait_for_timeout(1_000)
    assert page.title() == "Mediverse Viewer"
    assert failures == []
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    picture = page.screenshot()
    # The picture in the documentation changes only when it is not there, or when somebody wants a new one.
    if not PICTURE.exists() or os.environ.get("MEDIVERSE_NEW_PICTURES"):
        PICTURE.write_bytes(picture)


@undisturbed
def test_the_study_list_shows_the_patient(browser: Browser, study: dict[str, Any]) -> None:
    page = _page(browser, login=True)
    page.goto(f"https://{site.VIEWER}/")
    page.get_by_text(study["patient_id"]).first.wait_for()
    assert page.title() == "Mediverse Viewer"


def _odd_images() -> dict[str, Dataset]:
    """One image a study, by what is odd about it; all of today."""
    today = time.strftime("%Y%m%d")
    found = {}
    for name in ("without modality", "document", "undecodable"):
        image, meta = Dataset(), FileMetaDataset()
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        meta.MediaStorageSOPClassUID = EncapsulatedPDFStorage if name == "document" else SecondaryCaptureImageStorage
        meta.MediaStorageSOPInstanceUID = generate_uid()
        image.file_meta = meta
        image.SOPClassUID, image.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
        image.StudyInstanceUID, image.SeriesInstanceUID = generate_uid(), generate_uid()
        image.PatientID, image.PatientName = f"ODD-{name.replace(' ', '-')}", f"Odd^{name.title()}"
        image.StudyDate, image.StudyTime, image.SeriesNumber, image.InstanceNumber = today, "101112", 1, 1
        if name == "document":
            image.Modality, image.MIMETypeOfEncapsulatedDocument = "DOC", "application/pdf"
            image.EncapsulatedDocument = _PDF + b" " * (len(_PDF) % 2)
        else:
            image.Modality = "" if name == "without modality" else "OT"
            image.Rows = image.Columns = 64
            image.BitsAllocated, image.BitsStored, image.HighBit, image.PixelRepresentation = 8, 8, 7, 0
            undecodable = name == "undecodable"
            image.SamplesPerPixel = 3 if undecodable else 1
            image.PhotometricInterpretation = "YBR_FULL_422" if undecodable else "MONOCHROME2"
            if undecodable:
                image.PlanarConfiguration = 0
            image.PixelData = bytes(range(64)) * (128 if undecodable else 64)
        found[name] = image
    found["report"] = _report(today)
    # One series under two patients: somebody has mended the patient's ID at the scanner between two images.
    study, series = generate_uid(), generate_uid()
    for name in ("patient", "other patient"):
        image = copy.deepcopy(found["without modality"])
        image.SOPInstanceUID = image.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        image.StudyInstanceUID, image.SeriesInstanceUID, image.Modality = study, series, "OT"
        image.PatientID, image.PatientName = f"ODD-{name.replace(' ', '-')}", f"Odd^{name.title()}"
        found[name] = image
    return found


def _report(day: str) -> Dataset:
    """A structured report alone in its study."""
    report = cases.image(0, "report")
    cases.ALTER["sr_report"](report)
    report.StudyInstanceUID, report.SeriesInstanceUID, report.SOPInstanceUID = (generate_uid() for __ in range(3))
    report.file_meta.MediaStorageSOPClassUID = report.SOPClassUID
    report.file_meta.MediaStorageSOPInstanceUID = report.SOPInstanceUID
    report.PatientID, report.PatientName, report.StudyDate = "ODD-report", "Odd^Report", day
    return report


_PDF = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
    b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
)


@pytest.fixture(scope="module")
def odd() -> Iterator[dict[str, Dataset]]:
    """Odd images in the cloud beside the study of the scanner, for as long as these tests look at them."""
    images = _odd_images()
    studies = site.CLOUD_ORTHANC.store(*map(_file, images.values()))
    yield images
    site.CLOUD_ORTHANC.remove(*studies)


def _file(image: Dataset) -> bytes:
    buffer = io.BytesIO()
    image.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def _open_from_the_list(browser: Browser, image: Dataset, busy: str = "") -> Page:
    """The study of an image, opened by its row and the button of the basic viewer.

    ``busy``: what the web server has no thread of Orthanc for.
    """
    page = _page(browser, login=True)
    if busy:
        page.route(busy, lambda route: route.fulfill(status=503))
    page.goto(f"https://{site.VIEWER}/?mrn={image.PatientID}")
    row = page.locator(f'[data-cy="studyRow-{image.StudyInstanceUID}"]').first
    row.wait_for()
    while not _ungreeted(page):
        page.wait_for_timeout(200)
    row.click()
    page.locator(f'[data-cy="mode-viewer-{image.StudyInstanceUID}"]').first.click()
    page.wait_for_url("**/viewer?**")
    return page


@undisturbed
def test_one_image_without_modality_takes_the_list_from_nobody(
    browser: Browser, study: dict[str, Any], odd: dict[str, Dataset]
) -> None:
    page = _page(browser, login=True)
    page.goto(f"https://{site.VIEWER}/")
    for patient in (study["patient_id"], odd["without modality"].PatientID):
        page.get_by_text(patient).first.wait_for()
    assert "No studies available" not in page.inner_text("body")
    # The list begins with a span of days that can be sorted.
    assert "startDate=" in page.url
    opened = _open_from_the_list(browser, odd["without modality"])
    opened.locator("canvas.cornerstone-canvas").first.wait_for(state="visible")


@undisturbed
def test_a_document_opens_from_the_list(browser: Browser, odd: dict[str, Dataset]) -> None:
    page = _open_from_the_list(browser, odd["document"])
    shown = page.locator('object[type="application/pdf"]').first
    shown.wait_for(state="attached")
    assert str(shown.get_attribute("data")).startswith("blob:")
    # What the page shows where the browser may not show it.
    assert "No online PDF viewer" not in page.inner_text("body")


@undisturbed
def test_an_image_that_cannot_be_shown_gets_a_word(browser: Browser, odd: dict[str, Dataset]) -> None:
    page = _open_from_the_list(browser, odd["undecodable"])
    word = page.get_by_role("alert").filter(has_text="This viewer cannot show an image of this study.")
    word.wait_for()


@undisturbed
def test_a_report_opens_from_the_list(browser: Browser, odd: dict[str, Dataset]) -> None:
    page = _open_from_the_list(browser, odd["report"])
    page.get_by_text("No finding.").first.wait_for()


@undisturbed
def test_a_series_under_two_patients_gets_a_word(browser: Browser, odd: dict[str, Dataset]) -> None:
    page = _open_from_the_list(browser, odd["patient"])
    word = page.get_by_role("alert").filter(has_text="A series of this study cannot be opened.")
    word.wait_for()


@undisturbed
def test_a_busy_archive_gets_a_word(browser: Browser, odd: dict[str, Dataset]) -> None:
    page = _open_from_the_list(browser, odd["without modality"], busy="**/dicom-web/**/frames/**")
    word = page.get_by_role("alert").filter(has_text="The archive is busy with large images.")
    word.wait_for()


@pytest.fixture
def many() -> Iterator[list[Dataset]]:
    """Ten studies of this week, the newest first, among more of the last month than the viewer sorts."""
    today, kept, files = datetime.date.today(), [], []
    for number in range(130):
        back = 20 if number >= 10 else (0, 0, 0, 1, 1, 2, 3, 4, 5, 6)[number]
        image = cases.image(0, "many")
        image.StudyInstanceUID, image.SeriesInstanceUID, image.SOPInstanceUID = (generate_uid() for __ in range(3))
        image.file_meta.MediaStorageSOPClassUID = image.SOPClassUID
        image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
        image.PatientID = f"MANY-{number}"
        image.StudyDate = (today - datetime.timedelta(back)).strftime("%Y%m%d")
        files.append(_file(image))
        kept += [image] if number < 10 else []
    random.Random(7).shuffle(files)
    studies = site.CLOUD_ORTHANC.store(*files)
    yield kept
    site.CLOUD_ORTHANC.remove(*studies)


@undisturbed
def test_the_newest_study_stands_on_top_of_more_than_can_be_sorted(browser: Browser, many: list[Dataset]) -> None:
    page = _page(browser, login=True)
    page.goto(f"https://{site.VIEWER}/")
    rows = page.locator('[data-cy^="studyRow-"]')
    rows.first.wait_for()
    week = (datetime.date.today() - datetime.timedelta(6)).strftime("%Y%m%d")
    assert page.url.endswith(f"/?startDate={week}")
    # The viewer sorts by days alone; studies of other tests may stand between these.
    days = {str(image.StudyInstanceUID): image.StudyDate for image in many}
    shown = [str(row.get_attribute("data-cy")).removeprefix("studyRow-") for row in rows.all()]
    ours = [days[uid] for uid in shown if uid in days]
    assert ours == sorted(days.values(), reverse=True)[: len(ours)]
    assert len(ours) > 3
    assert datetime.date.today().strftime("%d-%b-%Y") in rows.first.inner_text()


@undisturbed
def test_nothing_is_shown_without_the_login(browser: Browser, study: dict[str, Any]) -> None:
    page = _page(browser, login=False)
    for path in ("/", f"/viewer?StudyInstanceUIDs={study['study_instance_uid']}", "/dicom-web/studies"):
        try:
            answer = page.goto(f"https://{site.VIEWER}{path}")
        except Error as error:
            # A browser that nobody can ask for a password refuses to show the answer at all.
            refused = "ERR_INVALID_AUTH_CREDENTIALS" in str(error)
        else:
            refused = answer is not None and answer.status == 401 and study["patient_id"] not in page.content()
        assert refused


@undisturbed
def test_the_browser_really_verifies_certificates(browser: Browser) -> None:
    page = _page(browser, login=True)
    with pytest.raises(Error, match=r"ERR_CERT|ERR_SSL"):
        page.goto("https://wrong-name.mediverse.test/")
