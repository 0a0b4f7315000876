package io.ffrtmp.governance.examples.bench;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * A process beside this one that does what a line asks for and answers in numbers, the first of
 * them the nanoseconds by its own clock: the C yardstick, or another JVM. Ends with its standard
 * input.
 */
final class Coprocess implements AutoCloseable {
  private static final String SOURCE = "yardstick.c";

  private final Process process;
  private final PrintStream commands;
  private final BufferedReader answers;

  Coprocess(List<String> command) throws IOException {
    process = new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
    commands = new PrintStream(process.getOutputStream(), true, StandardCharsets.UTF_8);
    answers = process.inputReader(StandardCharsets.UTF_8);
  }

  /** The C program, told where groups are made. */
  static Coprocess yardstick(List<String> arguments) throws IOException {
    return yardstick("job", arguments);
  }

  /** The same, for groups of this name. */
  static Coprocess yardstick(String name, List<String> arguments) throws IOException {
    List<String> command = new ArrayList<>(List.of(Launch.directory() + "/yardstick", name));
    command.addAll(arguments);
    return new Coprocess(command);
  }

  /**
   * Compiles the C program into a directory, as {@code yardstick}, unless that was done already.
   */
  static void compile(Path directory) throws IOException, InterruptedException {
    String compiled = System.getenv("YARDSTICK");
    if (compiled != null) {
      Files.copy(Path.of(compiled), directory.resolve("yardstick"));
      return;
    }
    Path source = directory.resolve(SOURCE);
    try (InputStream text = Coprocess.class.getResourceAsStream(SOURCE)) {
      Files.copy(text, source);
    }
    String binary = directory.resolve("yardstick").toString();
    List<String> gcc = List.of("gcc", "-O2", "-pthread", "-o", binary, source.toString(), "-ldl");
    if (new ProcessBuilder(gcc).inheritIO().start().waitFor() != 0) {
      throw new IOException("gcc could not compile the yardstick");
    }
  }

  long pid() {
    return process.pid();
  }

  long ask(String command) throws IOException {
    return askAll(command)[0];
  }

  long[] askAll(String command) throws IOException {
    commands.println(command);
    String answer = answers.readLine();
    if (answer == null) {
      throw new IOException("no answer to '" + command + "'");
    }
    return List.of(answer.split(" ")).stream().mapToLong(Long::parseLong).toArray();
  }

  @Override
  public void close() throws IOException {
    commands.close();
    try {
      process.waitFor();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
