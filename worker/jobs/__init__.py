"""Work that happens later or takes long: each kind is one file here and one line below."""

from collections.abc import Mapping

from worker.jobs import (
    catalogue,
    connect_provider,
    describe_image,
    draw,
    dream,
    embed_memories,
    erase_person,
    experiment,
    export_person,
    extract,
    fetch_avatar,
    hold_upload,
    import_chats,
    import_shapes,
    keep_file,
    keep_picture,
    rebuild,
    reflect,
    relate,
    resummarize,
    speak,
    summarize,
    summarize_notes,
    tidy_memories,
    transcribe,
    verify,
)
from worker.jobs.running import Handler

HANDLERS: Mapping[str, Handler] = {
    handler.name: handler
    for handler in (
        catalogue.HANDLER,
        connect_provider.HANDLER,
        connect_provider.NEARBY,
        describe_image.HANDLER,
        draw.HANDLER,
        dream.HANDLER,
        embed_memories.HANDLER,
        erase_person.HANDLER,
        experiment.HANDLER,
        export_person.HANDLER,
        export_person.EXPIRE,
        extract.HANDLER,
        extract.DUE,
        fetch_avatar.HANDLER,
        hold_upload.HANDLER,
        import_chats.HANDLER,
        import_shapes.HANDLER,
        keep_file.HANDLER,
        keep_picture.HANDLER,
        reflect.HANDLER,
        reflect.DUE,
        relate.HANDLER,
        relate.DUE,
        resummarize.HANDLER,
        speak.HANDLER,
        summarize.HANDLER,
        summarize.DUE,
        summarize_notes.HANDLER,
        tidy_memories.HANDLER,
        transcribe.HANDLER,
        rebuild.HANDLER,
        verify.HANDLER,
    )
}
"""What may be asked for, by name."""
