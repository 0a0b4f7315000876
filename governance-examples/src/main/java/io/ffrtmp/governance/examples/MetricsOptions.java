package io.ffrtmp.governance.examples;

import io.ffrtmp.governance.JobListener;
import java.io.IOException;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** Where to be asked how it goes; nothing of it is loaded unless a port is given. */
final class MetricsOptions {
  private static final int LARGEST_PORT = 65_535;
  private static final String LOOPBACK = "127.0.0.1";

  @Option(
      names = "--metrics-port",
      paramLabel = "PORT",
      description =
          "Serve /metrics, /violations and /healthz by HTTP until it has ended; 0 takes any port.")
  private @Nullable Integer port;

  @Spec(Spec.Target.MIXEE)
  private CommandSpec command = CommandSpec.create();

  @Option(
      names = "--metrics-address",
      paramLabel = "ADDRESS",
      description = "Serve them there; else on " + LOOPBACK + ", which only this host reaches.")
  private @Nullable String address;

  /**
   * Listens, if that was asked for, and says where.
   *
   * @return who must be told by the governor
   * @throws ParameterException if the port is none
   * @throws IOException if it can't listen there
   */
  List<JobListener> open() throws IOException {
    if (port == null && address != null) {
      throw new ParameterException(command.commandLine(), "--metrics-address needs --metrics-port");
    }
    if (port == null) {
      return List.of();
    }
    if (port < 0 || port > LARGEST_PORT) {
      String wrong = "--metrics-port " + port + " is not within 0 and " + LARGEST_PORT;
      throw new ParameterException(command.commandLine(), wrong);
    }
    MetricsServer server = MetricsServer.open(address == null ? LOOPBACK : address, port);
    Ffrtmp.say(command.commandLine().getErr(), "serving " + server.uri() + "metrics");
    return server.listeners();
  }
}
