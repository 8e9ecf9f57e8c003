"""Documents of corpora as text and as spans, for the tests that read them."""

from kscale import corpora


def spans_of(corpus, row):
    """Returns [(text, name of its label, "" where nothing counts)] of a document."""
    found = corpora.compose_document(corpus, row)
    return [(s.text, corpus.labels[s.label].name if s.label else "") for s in found]


def text_of(corpus, row):
    """Returns the text of a document."""
    return "".join(span.text for span in corpora.compose_document(corpus, row))


def marked(corpus, row):
    """Returns the text of a document with what counts marked: "<name| Ada Ek> is"."""
    spans = spans_of(corpus, row)
    return "".join(f"<{name}|{text}>" if name else text for text, name in spans)
