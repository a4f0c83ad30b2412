"""The web page, drawn with gradio: conversation, source panel, and the guard around gradio."""
