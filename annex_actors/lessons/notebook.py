"""The course as a marimo notebook (extra `lessons`): ``annex-actors learn --notebook``."""

import marimo

app = marimo.App(width="medium", app_title="annex-actors: the course")


@app.cell
def _():
    import marimo as mo

    from annex_actors.base import errors
    from annex_actors.lessons import course, deck, pages, progress, run_page, steps, submission, taking

    return course, deck, errors, mo, pages, progress, run_page, steps, submission, taking


@app.cell
def _(course, mo):
    titles = {f"{each.number}. {each.title}": each.number for each in course.LESSONS}
    number = mo.ui.dropdown(titles, value=next(iter(titles)), label="lesson")
    number  # noqa: B018 - a cell shows its last line
    return (number,)


@app.cell
def _(number):
    lesson_number = number.value
    return (lesson_number,)


@app.cell
def _(course, lesson_number, mo, progress, steps, submission, taking):
    lesson = course.lesson(lesson_number)
    kept = progress.progress_file()
    learner = taking.Taking(lesson, progress.read_progress(kept).get(lesson_number))
    inputs = mo.ui.dictionary(
        {
            step.name: mo.ui.number(label="your prediction", value=None).form(submit_button_label="Lock it")
            if isinstance(step, steps.Question)
            else mo.ui.code_editor(submission.stub_of(step), language="python").form(submit_button_label="Check it")
            for step in lesson.steps
            if isinstance(step, steps.Question | steps.Code)
        }
    )
    return inputs, kept, learner


@app.cell
def _(inputs):
    given = inputs.value
    return (given,)


@app.cell
def _(given, inputs, kept, learner, mo, pages, progress):
    sections = list(pages.sections(learner, given))
    progress.keep_progress(kept, learner.lesson.number, learner.record)
    shown = [mo.vstack([mo.md(each.markdown), *([inputs[each.asks]] if each.asks else [])]) for each in sections]
    mo.vstack(shown)
    return (sections,)


@app.cell
def _(mo):
    schedule = mo.ui.dropdown(["gpipe", "1f1b", "zb-h1", "pipedream"], value="1f1b", label="schedule")
    stages = mo.ui.slider(1, 8, value=4, label="stages", show_value=True)
    microbatches = mo.ui.slider(1, 16, value=4, label="microbatches", show_value=True)
    mo.vstack([mo.md("#### Try a schedule: a step, simulated"), mo.hstack([schedule, stages, microbatches])])
    return microbatches, schedule, stages


@app.cell
def _(deck, errors, microbatches, mo, schedule, stages):
    try:
        tried = mo.Html(deck.chart(schedule.value, stages.value, microbatches.value))
    except errors.UserError as error:
        tried = mo.md(str(error))
    tried  # noqa: B018 - a cell shows its last line
    return (tried,)


@app.cell
def _(mo):
    show_page = mo.ui.run_button(label="Train on XOR, kill layer 1 once, and show the page of the run")
    mo.vstack([mo.md("#### Look at a run"), show_page])
    return (show_page,)


@app.cell
def _(errors, mo, run_page, show_page):
    mo.stop(not show_page.value)
    try:
        framed = mo.iframe(run_page.page_of_a_run(), height="900px")
    except errors.AnnexError as error:
        framed = mo.md(str(error))
    framed  # noqa: B018 - a cell shows its last line
    return (framed,)


if __name__ == "__main__":
    app.run()
