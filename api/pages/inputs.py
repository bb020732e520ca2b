"""The attributes of an HTML input that a schema asks for, so that the browser helps before anything is sent."""

from api.pages.shapes import Kind, Shape

WIDGETS = {"email": "email", "date": "date", "uri": "url"}
# What a file dialog offers; what is taken is told by the content.
FILES = ".pdf,.eml,.png,.jpg,.jpeg,application/pdf,message/rfc822,image/png,image/jpeg"
AUTOCOMPLETE = {"name": "name", "role": "organization-title", "email": "email"}


def input_type(shape: Shape) -> dict[str, str]:
    if shape.kind is Kind.DECIMAL:
        return {"type": "text", "inputmode": "decimal"}
    if shape.kind is Kind.NUMBER:
        return {"type": "number", "step": "1" if shape.schema.get("type") == "integer" else "any"}
    if shape.kind is Kind.CLOCK:
        return {"type": "time"}
    if shape.kind is Kind.MOMENT:
        return {"type": "datetime-local"}
    if shape.kind is Kind.FILE:
        return {"type": "file", "accept": FILES}
    return {"type": WIDGETS.get(shape.schema.get("format", ""), "text")}


def limits(shape: Shape) -> dict[str, str]:
    names = {"maxLength": "maxlength", "minLength": "minlength", "minimum": "min", "maximum": "max"}
    if shape.kind is Kind.DECIMAL or shape.loose:
        names = {"maxLength": "maxlength"}
    return {html: str(shape.schema[key]) for key, html in names.items() if key in shape.schema}


def autocomplete(shape: Shape, name: str) -> dict[str, str]:
    """Only what people type about themselves is offered from memory."""
    return {"autocomplete": AUTOCOMPLETE.get(name, "off")}
