"""Damage to bytes, as editors, disks, transfers and careless hands do it."""


def mutate(random, content, pieces, others):
    """One to eight changes; pieces are put in, and parts of the others."""
    for _ in range(random.choice([1, 1, 1, 2, 3, 8])):
        content = random.choice(CHANGES)(random, content, pieces, others)
    return content


def span(random, content):
    """A place and a short way behind it."""
    start = random.randint(0, len(content))
    return start, min(len(content), start + random.choice([1, 1, 2, 5, 20, 200]))


def cut_out(random, content, pieces, others):
    start, stop = span(random, content)
    return content[:start] + content[stop:]


def cut_off(random, content, pieces, others):
    return content[: random.randint(0, len(content))]


def flip_bit(random, content, pieces, others):
    if not content:
        return content
    at = random.randrange(len(content))
    return content[:at] + bytes([content[at] ^ 1 << random.randrange(8)]) + content[at + 1 :]


def put_in(random, content, pieces, others):
    start, _ = span(random, content)
    return content[:start] + random.choice(pieces) + content[start:]


def put_over(random, content, pieces, others):
    start, stop = span(random, content)
    return content[:start] + random.choice(pieces) + content[stop:]


def noise(random, content, pieces, others):
    start, stop = span(random, content)
    return content[:start] + random.randbytes(stop - start) + content[stop:]


def repeat(random, content, pieces, others):
    start, stop = span(random, content)
    return content[:stop] + content[start:stop] * random.choice([1, 2, 50]) + content[stop:]


def swap_lines(random, content, pieces, others):
    lines = content.split(b"\n")
    a, b = random.randrange(len(lines)), random.randrange(len(lines))
    lines[a], lines[b] = lines[b], lines[a]
    return b"\n".join(lines)


def graft(random, content, pieces, others):
    start, _ = span(random, content)
    other = random.choice(others)
    a, b = span(random, other)
    return content[:start] + other[a:b] + content[start:]


CHANGES = (cut_out, cut_off, flip_bit, flip_bit, put_in, put_in, put_over, noise, repeat, swap_lines, graft)
