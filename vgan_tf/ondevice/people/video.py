"""Faces in video files: protected, or read. Of a protected file the sound is copied; of its metadata nothing is."""

import contextlib
import sys
from collections import Counter
from pathlib import Path

import numpy as np
from PIL import Image

from vgan_tf.errors import InputError
from vgan_tf.files import replacing
from vgan_tf.ondevice.people.ahead import ahead
from vgan_tf.ondevice.people.fitness import reason_against
from vgan_tf.ondevice.people.resting import without_rest
from vgan_tf.ondevice.people.review import frames_to_see
from vgan_tf.ondevice.people.smoothing import smoothed
from vgan_tf.ondevice.people.tracking import find_tracks

SUFFIXES = ".avi", ".m4v", ".mkv", ".mov", ".mp4", ".webm"
HELD_SECONDS = 0.4  # a face is taken to be there before it is first found and after it is last found
RATE = 25  # frames a second, where a file does not say
# Endings of outputs by those of inputs; all others become Matroska, which takes any sound.
OUTPUTS = {".mp4": ".mp4", ".m4v": ".mp4", ".mov": ".mov"}
MOST_PIXELS = Image.MAX_IMAGE_PIXELS  # of a frame; more would not be a video but an attempt to fill the memory
QUALITY = {"crf": "18", "preset": "veryfast"}  # of H.264; 18 is nearly without visible loss


def is_video(path):
    """Whether a path is named like a video."""
    return Path(path).suffix.lower() in SUFFIXES


def output_suffix(path):
    """The ending of the protected file of a video: str."""
    return OUTPUTS.get(Path(path).suffix.lower(), ".mkv")


def check_output(out):
    """Raise InputError where a path is not named like a video that can be written."""
    if Path(out).suffix.lower() not in (*OUTPUTS.values(), ".mkv"):
        raise InputError(
            f"{out}: not the name of a video that can be written; give one that ends in .mp4, .mov or .mkv"
        )


def protect_video(protector, path, out, target="random", black=False, style="head", review=None):
    """Protect all faces of a video.

    The file is read several times: first faces are followed through it, so that one is covered where it was missed;
    then, where the latent tells what a face does, that is read, smoothed over time and freed of what the face shows at
    rest; then they are replaced. Each followed face gets one target. Where one cannot be protected well it is covered
    by black.

    Args:
        protector: Protector.
        path: of the video file.
        out: of the file to write, which ends in .mp4, .mov or .mkv: H.264 pictures, the input's sound, no metadata.
        target: as for `Protector.protect`.
        black: where not one face is found, whether to write black frames, or no file.
        style: as for `Protector.replace_faces`.
        review: Review, to which protected frames are added that may show a face that was missed; or None.

    Returns:
        for each face followed a Counter of its frames: how many are protected, under "", and how many are black, under
        the reason. Empty where nothing was written or all is black.

    Raises:
        InputError: the file is missing, damaged or has no video, or the output cannot be written. Nothing is written.
    """
    check_output(out)
    protector.choose(target)  # A wrong one is said before the file is read.
    tracks, count = follow(path)
    if not tracks and not black:
        return []
    with _opened(path) as (_, stream):
        unit, rate = stream.time_base, float(stream.average_rate or RATE)
    latents = _latents(protector, path, tracks, count, rate) if tracks and protector.latent_names else None
    see, outcomes = {} if review is None else frames_to_see(tracks, count, rate), [Counter() for _ in tracks]
    frames = _replaced(protector, followed(path, tracks, count, "protecting"), tracks, latents, target, style)
    with replacing(out) as temporary, _writing(temporary, path, out) as write:
        for number, (pts, frame, reasons) in enumerate(ahead(frames)):
            write(pts, frame)
            for one, reason in reasons.items():
                outcomes[one][reason] += 1
            if number in see:
                review.add(frame, f"{Path(path).name} {float(pts * unit):.2f} s\n{'; '.join(see[number])}")
    return outcomes


def _replaced(protector, frames, tracks, latents, target, style):
    """Yield (time, protected frame, {number of the track: "", or why it is black}) of each frame of `followed`."""
    targets = {}
    for number, (pts, frame, shown) in enumerate(frames):
        if not shown:
            yield pts, frame if tracks else np.zeros_like(frame), {}
            continue
        which, faces = zip(*shown, strict=True)
        for one, face in shown:
            if one not in targets and not reason_against(face):  # else it is black
                targets[one] = protector.choose(target, frame, face, faces)
        does = latents and np.stack([latents[one][number - tracks[one].first] for one in which])
        chosen = [targets.get(one, target) for one in which]
        frame, reasons = protector.replace_faces(frame, faces, chosen, True, does, style)
        yield pts, frame, dict(zip(which, reasons, strict=True))


def _latents(protector, path, tracks, count, rate):
    """What each followed face does in its frames, smoothed and without its rest: list of float32 `(frames, d)`."""
    latents = [[] for _ in tracks]
    for _, frame, shown in followed(path, tracks, count, "reading"):
        if shown:
            which, faces = zip(*shown, strict=True)
            for one, latent in zip(which, protector.encode(frame, faces), strict=True):
                latents[one].append(latent)
    return [without_rest(smoothed(np.stack(one), rate), protector.latent_names) for one in latents]


def read_video(reader, path):
    """Read the expressions of all faces in all frames of a video.

    Args:
        reader: ExpressionReader.
        path: of the video file.

    Yields:
        a dict for each face in each frame: that of `ExpressionReader.read`, with "frame", its number, "time" in
        seconds and "face", the number of the face that was followed.

    Raises:
        InputError: as for `protect_video`.
    """
    tracks, count = follow(path)
    with _opened(path) as (_, stream):
        unit = stream.time_base
    for number, (pts, frame, shown) in enumerate(followed(path, tracks, count, "reading")):
        readings = reader.read_faces(frame, [face for _, face in shown])
        for (which, _), reading in zip(shown, readings, strict=True):
            yield {"frame": number, "time": round(float(pts * unit), 6), "face": which, **reading}


def follow(path):
    """Find the faces of a video and follow them.

    Returns:
        as `find_tracks`: (list of Track, number of frames).

    Raises:
        InputError: the file is missing, damaged, has no video, or no frame.
    """
    with _opened(path) as (_, stream):
        rate, expected = float(stream.average_rate or RATE), stream.frames
    frames = (frame for _, frame in _progress(_frames(path), expected, f"{Path(path).name}: finding faces"))
    tracks, count = find_tracks(frames, round(HELD_SECONDS * rate))
    if not count:
        raise InputError(f"{path}: a video without a frame")
    return tracks, count


def followed(path, tracks, count, doing):
    """The frames of a video, with the faces that were followed through it.

    Args:
        path: of the video file.
        tracks, count: of `follow`.
        doing: what is done with them, for the progress bar.

    Yields:
        (time in the stream's time base, uint8 `(height, width, 3)`, list of (number of the track, Face)).

    Raises:
        InputError: the file has more or fewer frames than when its faces were found: they would be elsewhere now.
    """
    number = -1
    for number, (pts, frame) in enumerate(_progress(_frames(path), count, f"{Path(path).name}: {doing}")):
        if number == count:
            break
        shown = [
            (which, track.faces[number - track.first])
            for which, track in enumerate(tracks)
            if 0 <= number - track.first < len(track.faces)
        ]
        yield pts, frame, shown
    if number != count - 1:
        raise InputError(f"{path}: has other frames than when it was searched for faces; leave it alone, start again")


def _progress(frames, total, text):
    from tqdm import tqdm

    return tqdm(frames, text, total or None, unit=" frames", disable=not sys.stderr.isatty(), dynamic_ncols=True)


@contextlib.contextmanager
def _opened(path):
    """Yield (input container, its video stream)."""
    av = _av()
    try:
        with av.open(str(path), metadata_errors="ignore") as container:
            # A cover picture is a video stream of one frame.
            streams = [s for s in container.streams.video if not s.disposition & av.stream.Disposition.attached_pic]
            if not streams:
                raise InputError(f"{path}: no video in it; give a video, or a picture")
            stream = streams[0]
            if stream.codec_context is None:
                raise InputError(f"{path}: a video of a kind that cannot be read here; convert it, or replace it")
            if stream.width * stream.height > MOST_PIXELS:
                raise InputError(f"{path}: frames of {stream.width}x{stream.height} pixels are too large")
            stream.thread_type = "AUTO"
            yield container, stream
    except av.FFmpegError as error:
        raise _unreadable(path, error) from None


def _unreadable(path, error):
    if isinstance(error, FileNotFoundError):
        return InputError(f"{path}: no such file")
    return InputError(f"{path}: not a readable video ({error.strerror}); replace or remove it")


def _frames(path):
    """Yield (presentation time in the stream's time base, uint8 `(height, width, 3)` upright) of each frame."""
    return ahead(_decoded(path))


def _decoded(path):
    with _opened(path) as (container, stream):
        for number, frame in enumerate(container.decode(stream)):
            pixels = frame.to_ndarray(format="rgb24")
            yield number if frame.pts is None else frame.pts, np.rot90(pixels, round(frame.rotation / 90) % 4)


@contextlib.contextmanager
def recording(temporary, out, rate, unit):
    """Write a video file of H.264 pictures.

    Args:
        temporary: path to write to.
        out: the name that it will have, which errors name and whose ending says whether it is to play while it loads.
        rate: frames a second, about.
        unit: Fraction, seconds, in which times are given.

    Yields:
        (output container, function that writes a frame, given its time and its pixels).

    Raises:
        InputError: it cannot be written.
    """
    av = _av()
    options = {} if Path(out).suffix.lower() == ".mkv" else {"movflags": "+faststart"}
    try:
        with av.open(str(temporary), "w", options=options) as container:
            video = container.add_stream("libx264", rate=rate, options=QUALITY)
            video.pix_fmt, video.codec_context.time_base = "yuv420p", unit

            def write(pts, pixels):
                # H.264 as all players take it has even sides.
                pixels = np.pad(pixels, ((0, pixels.shape[0] % 2), (0, pixels.shape[1] % 2), (0, 0)), mode="edge")
                if not video.codec_context.is_open:
                    video.height, video.width, _ = pixels.shape
                frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
                frame.pts, frame.time_base = pts, unit
                container.mux(video.encode(frame))

            yield container, write
            container.mux(video.encode())
    except av.FFmpegError as error:
        raise InputError(f"{out}: cannot be written ({error.strerror})") from None


@contextlib.contextmanager
def _writing(temporary, source, out):
    """Yield a function that writes a frame, given its time in the source's time base and its pixels."""
    av = _av()
    with _opened(source) as (original, original_stream):
        sounds, unit = list(original.streams.audio), original_stream.time_base

        def read_sound():
            try:
                yield from (packet for packet in original.demux(sounds) if packet.dts is not None)
            except av.FFmpegError as error:
                raise _unreadable(source, error) from None

        packets = read_sound() if sounds else iter(())
        following = next(packets, None)
        with recording(temporary, out, original_stream.average_rate or RATE, unit) as (container, write_picture):
            copies = {sound.index: container.add_stream_from_template(sound) for sound in sounds}
            for stream in copies.values():
                stream.metadata.clear()

            def write_sound(until):
                nonlocal following
                while following is not None and (until is None or following.dts * following.time_base <= until):
                    following.stream = copies[following.stream.index]
                    container.mux(following)
                    following = next(packets, None)

            def write(pts, pixels):
                write_picture(pts, pixels)  # the first one gives the file its size, before any sound
                write_sound(pts * unit)

            yield write
            write_sound(None)


def _av():
    try:
        import av
    except ImportError as error:
        raise InputError(
            f"videos are read by PyAV, which cannot be loaded here ({error}); pip install 'pprl-vgan[people]'"
        ) from None
    return av
