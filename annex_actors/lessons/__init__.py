"""The course: ten lessons in which a learner predicts, runs the real thing, looks, and is told why.

A lesson is one module, ``lesson_NN_name.py``, with a `Lesson`: a sequence of steps, which are values
(`annex_actors.lessons.steps`). It prints nothing and asks nothing; a face, such as ``annex-actors learn``, does.

How a lesson is written:

- **Text** is plain English, short: at most ten lines.
- **Run** does something real and small, with the parts of this package, and returns what it `Seen`: lines to show and
  named values. It takes at most a few seconds, and the same values come out on each machine, or the text says that
  they are times.
- **Question** has a number as its answer. The learner predicts it; the prediction is locked; then the question's
  ``run`` does the real thing, shows its lines, and the value named ``answer`` is the right one. Each `Wrong` names
  another value of the same run, and why it may be expected. Two of them never have the same value. ``why`` is
  the explanation for all.
- **Code** is a part that the learner writes: ``solution`` is a whole Python file, and the bodies of the functions in
  ``parts`` are left out of the file that the learner is given; their docstrings stay. ``outcome`` is called with a
  module and yields the results of its parts, as `Found` values in a fixed order: what can be wrong in the simplest way
  first. The learner's are compared with the solution's, bit by bit, and the first difference is named. A `WrongCode`
  is the solution with some text changed; a learner's file with the same results as one is told its explanation.

Texts are templates: ``{name}`` is a value of the run that belongs to the step, computed when it is shown, so ``{name}``
may stand in the ``why``, the ``says`` and the ``then`` of a step with a ``run``, with a format such as ``{share:.0%}``.
Numbers that are settings of the lesson stand in constants, and in texts by f-strings. No other number may be in a text.
A cell of code in a text is indented by four spaces.

Read `steps`; `lesson_01_one_layer` as the model; then `checking` (code), `taking` (a learner in a lesson), `driver` (a
lesson with any face), `progress` (kept between two sessions). Where a lesson is finished, add it to `course`.
"""
