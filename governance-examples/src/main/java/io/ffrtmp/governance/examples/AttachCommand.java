package io.ffrtmp.governance.examples;

import io.ffrtmp.governance.Attachment;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** Attaches to processes that run and waits for their end. */
@Command(
    name = "attach",
    description = "Attaches to processes that run, without disturbing them, until they end.",
    footer = {
      "%nExits with 0 when all have ended; 125 if one can't be attached to, and then",
      "everything is as it was, or if the status to propagate is not known; 2 for wrong",
      "usage. SIGINT, SIGTERM and SIGHUP detach, or release: the processes go on inside",
      "their limits, or as before, and the status is 130, 143 or 129."
    },
    mixinStandardHelpOptions = true,
    sortOptions = false)
final class AttachCommand implements Callable<Integer> {
  @Spec private CommandSpec spec = CommandSpec.create();

  @Option(
      names = "--pid",
      paramLabel = "PID",
      required = true,
      description = "The process, and its descendants. With several, their jobs are ID-PID.")
  private List<Long> pids = List.of();

  @Mixin private AskOptions ask = new AskOptions();

  @Mixin private MetricsOptions metrics = new MetricsOptions();

  @Option(
      names = "--release-on-exit",
      description = "When we are told to end, put everything back as it was before.")
  private boolean releaseOnExit;

  @Option(
      names = "--propagate-exit",
      description = "Exit with the status of the process; of several, the first that is not 0.")
  private boolean propagateExit;

  @Override
  public Integer call() throws IOException, InterruptedException {
    Foreground foreground = new Foreground(spec.commandLine().getErr(), ask.result(), metrics);
    return foreground.attach(checkedAttachments(), releaseOnExit, propagateExit);
  }

  private List<Attachment> checkedAttachments() {
    try {
      return attachments();
    } catch (IllegalArgumentException e) {
      throw new ParameterException(spec.commandLine(), e.getMessage(), e);
    }
  }

  private List<Attachment> attachments() {
    if (Set.copyOf(pids).size() < pids.size()) {
      throw new IllegalArgumentException("--pid " + pids + " names a process twice");
    }
    List<Attachment> all = new ArrayList<>();
    for (long pid : pids) {
      Attachment each =
          Attachment.of(pid).limits(ask.limits()).limitsRequired(ask.limitsRequired());
      Optional<String> id = ask.jobId().map(it -> pids.size() == 1 ? it : it + "-" + pid);
      each = id.isPresent() ? each.jobId(id.get()) : each;
      all.add(ask.intent().isPresent() ? each.intent(ask.intent().get()) : each);
    }
    return all;
  }
}
