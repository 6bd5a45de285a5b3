#include "train/trainer.h"

void hoop__schema_init(hoop_trainer *tr)
{
    const hoop_config_part parts[] = {
        {&hoop__run_options, &tr->run},         {&hoop__model_options, &tr->model_opts}, {&hoop__data_options, &tr->data_opts},
        {&hoop_optim_options, &tr->optim_opts}, {&hoop_schedule_options, &tr->schedule}, {&hoop__dist_options, &tr->dist},
        {&hoop__save_options, &tr->save_opts},
    };
    for (int i = 0; i < 7; i++) tr->part[i] = parts[i];
    tr->schema = (hoop_config_schema){tr->part, 7, &hoop__model_layers, 1};
}

const hoop_config_schema *hoop_train_schema(void)
{
    static const hoop_config_part parts[] = {
        {&hoop__run_options, NULL},     {&hoop__model_options, NULL}, {&hoop__data_options, NULL}, {&hoop_optim_options, NULL},
        {&hoop_schedule_options, NULL}, {&hoop__dist_options, NULL},  {&hoop__save_options, NULL}};
    static const hoop_config_schema schema = {parts, 7, &hoop__model_layers, 1};
    return &schema;
}
