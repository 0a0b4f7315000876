package io.ffrtmp.governance.examples;

import io.ffrtmp.governance.Capability;
import io.ffrtmp.governance.HostReport;
import io.ffrtmp.governance.Limit;
import io.ffrtmp.governance.linux.LinuxGovernor;
import java.io.IOException;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Prints what this host can do and, for each gap, what would cure it. Changes nothing. */
@Command(
    name = "doctor",
    description = "Tells what this host can do, and what would cure each gap.",
    footer = "%nExits with 0 if workloads can be governed here, 1 if not.",
    mixinStandardHelpOptions = true)
final class DoctorCommand implements Callable<Integer> {
  @Spec private CommandSpec spec = CommandSpec.create();

  @Option(names = "--json", description = "Print the report as JSON.")
  private boolean json;

  @Override
  public Integer call() throws IOException {
    HostReport report = LinuxGovernor.probe();
    String text = json ? Json.write(report.toJson()) + "\n" : text(report);
    Ffrtmp.print(spec.commandLine().getOut(), text);
    return report.supported() ? 0 : 1;
  }

  /** The report for a terminal: the sum first, then one line for each finding, its cure below. */
  static String text(HostReport report) {
    String survival = word(report.survival());
    String sum =
        ("workloads can be governed here: " + (report.supported() ? "yes" : "no") + "\n")
            + ("limits that can be put in force here: " + limits(report) + "\n")
            + ("workloads survive us here: " + survival + "\n");
    return sum
        + (report.risks().isEmpty() ? "" : "\nrisks\n" + table(report.risks()))
        + ("\nfindings\n" + table(report.capabilities()));
  }

  private static String limits(HostReport report) {
    List<String> names = Stream.of(Limit.values()).map(Limit::wireName).toList();
    String enforced =
        report.capabilities().stream()
            .filter(each -> names.contains(each.name()) && each.state() != Capability.State.NO)
            .map(Capability::name)
            .collect(Collectors.joining(", "));
    return enforced.isEmpty() ? "none" : enforced;
  }

  private static String table(List<Capability> rows) {
    int width = rows.stream().mapToInt(row -> row.name().length()).max().orElse(1);
    StringBuilder table = new StringBuilder();
    for (Capability row : rows) {
      String start = String.format("  %-8s  %-" + width + "s  ", word(row.state()), row.name());
      table.append(start).append(row.detail()).append('\n');
      String indent = " ".repeat(start.length());
      row.cure().ifPresent(cure -> table.append(indent).append("cure: ").append(cure).append('\n'));
    }
    return table.toString();
  }

  private static String word(Enum<?> constant) {
    return constant.name().toLowerCase(Locale.ROOT).replace('_', ' ');
  }
}
