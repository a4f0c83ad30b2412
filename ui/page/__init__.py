"""The web page, drawn with gradio: conversation, source panel, and what guards gradio."""
