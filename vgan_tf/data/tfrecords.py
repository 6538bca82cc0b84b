"""TFRecord files of `tf.train.Example`, written and read without TensorFlow; nothing in a file is executed.

A record is its length (8 bytes), a checksum of these bytes (4), the data, and a checksum of the data (4). The data is a
protocol buffer: fields of a number, a wire type and a value, here only of types 0 (varint) and 2 (counted bytes).
"""

import functools
import struct

import numpy as np

_POLYNOMIAL = 0x82F63B78  # CRC-32C, bits reversed
_BYTES, _FLOATS, _INTEGERS = 1, 2, 3  # numbers of the fields of tf.train.Feature


def write_records(path, examples):
    """Write examples, each a dict of name -> bytes, int or float, as a TFRecord file."""
    with open(path, "wb") as file:
        for example in examples:
            data = encode_example(example)
            length = struct.pack("<Q", len(data))
            file.write(length + _checksum(length) + data + _checksum(data))


def read_records(path):
    """Yield the examples of a TFRecord file: dicts of name -> bytes, int or float.

    Raises:
        ValueError: the file is truncated or damaged, or holds something else.
    """
    with open(path, "rb") as file:
        while head := file.read(12):
            length = head[:8]
            if len(head) < 12 or _checksum(length) != head[8:]:
                raise ValueError("truncated or damaged")
            data = file.read(struct.unpack("<Q", length)[0])
            if file.read(4) != _checksum(data):
                raise ValueError("truncated or damaged")
            yield decode_example(data)


def encode_example(example):
    """A dict of name -> bytes, int >= 0 or float as the bytes of a `tf.train.Example`."""
    return _field(
        1, b"".join(_field(1, _field(1, name.encode()) + _field(2, _feature(v))) for name, v in example.items())
    )


def decode_example(data):
    """The inverse of `encode_example`; a list of several values, or of none, is refused.

    Raises:
        ValueError: no such message.
    """
    try:
        return {
            name.decode(): _value(feature)
            for _, features in _fields(data)
            for _, entry in _fields(features)
            for (_, name), (_, feature) in [list(_fields(entry))]
        }
    except (IndexError, UnicodeDecodeError, TypeError, struct.error) as error:
        raise ValueError(f"no tf.train.Example of single values ({error})") from None


def _feature(value):
    if isinstance(value, bytes):
        return _field(_BYTES, _field(1, value))
    if isinstance(value, float):
        return _field(_FLOATS, _field(1, struct.pack("<f", value)))
    return _field(_INTEGERS, _field(1, _varint(value)))


def _value(feature):
    ((kind, values),) = _fields(feature)
    ((_, value),) = _fields(values)
    if kind == _BYTES:
        return bytes(value)
    if kind == _FLOATS:
        return struct.unpack("<f", value)[0]
    if isinstance(value, int):
        return value
    number, end = _read_varint(value, 0)
    if end != len(value):
        raise ValueError("several numbers where one is expected")
    return number


def _field(number, data):
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _fields(data):
    """Yield (number, value) of a message: int for varints, else bytes."""
    position = 0
    while position < len(data):
        key, position = _read_varint(data, position)
        value, position = _read_varint(data, position)
        if key & 7 == 2:
            length, value = value, data[position : position + value]
            position += length
            if len(value) != length:
                raise ValueError("truncated or damaged")
        elif key & 7:
            raise ValueError(f"a field of wire type {key & 7}")
        yield key >> 3, value


def _varint(number):
    data = bytearray()
    while number > 127:
        data.append(number & 127 | 128)
        number >>= 7
    return bytes(data) + bytes([number])


def _read_varint(data, position):
    number = shift = 0
    while data[position] & 128:
        number |= (data[position] & 127) << shift
        position, shift = position + 1, shift + 7
    return number | data[position] << shift, position + 1


def crc32c(data):
    """CRC-32C of bytes. It is linear: what each byte at its place contributes is looked up, and all of it XORed."""
    count = len(data)
    shares = _crc_shares(1 << max(0, count - 1).bit_length())
    values = np.frombuffer(data, np.uint8).astype(np.int64)
    values[:4] ^= 255  # The register starts with all bits set.
    values += 256 * np.arange(count - 1, -1, -1)
    return int(np.bitwise_xor.reduce(shares.take(values))) ^ 0xFFFFFFFF ^ 0xFFFFFFFF >> 8 * count


@functools.lru_cache
def _crc_shares(count):
    """uint32 `(count * 256,)`: what each value of a byte contributes, by the number of bytes that follow it."""
    shares = np.empty((count, 256), np.uint32)
    register = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        register = register >> 1 ^ np.where(register & 1, np.uint32(_POLYNOMIAL), np.uint32(0))
    shares[0] = register
    for following in range(1, count):
        shares[following] = shares[0][shares[following - 1] & 255] ^ shares[following - 1] >> 8
    return shares.ravel()


def _checksum(data):
    """The checksum as it is stored: rotated and shifted, as data may hold checksums itself."""
    crc = crc32c(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)
